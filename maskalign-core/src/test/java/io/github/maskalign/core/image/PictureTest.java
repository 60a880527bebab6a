package io.github.maskalign.core.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.modality.cv.Image;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.image.Resampler.CentreCrop;
import java.util.List;
import org.junit.jupiter.api.Test;

class PictureTest {
    private static final byte[] SIX = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, (byte) 253, (byte) 254, -1};

    @Test
    void givenAndReturnedArraysAreCopies() {
        byte[] given = SIX.clone();
        Picture picture = Picture.of(3, 2, given);
        given[0] = 99;
        picture.toInterleaved()[0] = 98;

        assertThat(picture.toInterleaved()).isEqualTo(SIX);
        assertThat(picture).isEqualTo(Picture.of(3, 2, SIX)).hasSameHashCodeAs(Picture.of(3, 2, SIX));
        assertThat(picture).isNotEqualTo(Picture.of(2, 3, SIX));
    }

    @Test
    void planesHoldOneColourEach() {
        byte[] planes = Picture.of(3, 2, SIX).toPlanar();

        assertThat(planes)
                .startsWith(1, 4, 7, 10, 13, 253)
                .containsSequence(2, 5, 8, 11, 14, 254)
                .endsWith(15, 255);
    }

    @Test
    void aPixelIsFoundByColumnAndRow() {
        assertThat(Picture.of(3, 2, SIX).rgb(2, 1)).isEqualTo(0xfdfeff);
        assertThat(Picture.of(3, 2, SIX).rgb(0, 1)).isEqualTo(0x0a0b0c);
    }

    @Test
    void cropsMustBeInside() {
        Picture picture = Picture.of(3, 2, SIX);

        assertThat(picture.crop(1, 1, 2, 1)).isEqualTo(Picture.of(2, 1, new byte[] {13, 14, 15, -3, -2, -1}));
        assertThatThrownBy(() -> picture.crop(2, 0, 2, 1))
                .hasMessage("a part of 2 x 1 pixels at (2, 0) is not inside a picture of 3 x 2");
        assertThatThrownBy(() -> picture.crop(0, 0, 0, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> picture.crop(Integer.MAX_VALUE, 0, 2, 1)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void arraysGiveThePicturesBack() {
        Picture one = Picture.of(3, 2, SIX);
        Picture other = Picture.of(3, 2, new byte[18]);
        try (NDManager manager = NDManager.newBaseManager(Device.cpu())) {
            NDArray both = Picture.toNDArray(manager, List.of(one, other));
            int owned = manager.getManagedArrays().size();

            assertThat(both.getShape()).isEqualTo(new Shape(2, 3, 2, 3));
            assertThat(both.getDataType()).isEqualTo(DataType.UINT8);
            assertThat(Picture.ofNDArray(both)).containsExactly(one, other);
            assertThat(manager.getManagedArrays()).hasSize(owned);
            assertThat(Picture.ofNDArray(both.get(1))).containsExactly(other);
            assertThatThrownBy(() -> Picture.ofNDArray(both.toType(DataType.FLOAT32, true)))
                    .hasMessageContaining("must be uint8");
            assertThatThrownBy(() -> Picture.ofNDArray(both.get(":, :1"))).hasMessageContaining("(2, 1, 2, 3)");
            assertThatThrownBy(() -> Picture.toNDArray(manager, List.of(one, Picture.of(1, 1, new byte[3]))))
                    .hasMessageContaining("number 1 a picture of 1 x 1");
            assertThatThrownBy(() -> Picture.toNDArray(manager, List.of())).hasMessageContaining("at least one");
            assertThatThrownBy(() -> Picture.ofPlanar(2, 2, new byte[13])).hasMessageContaining("multiple of 12");
        }
    }

    @Test
    void djlsImagesHoldTheSamePixels() {
        Picture picture = Picture.of(3, 2, SIX);

        Image image = picture.toImage();

        assertThat(image.getWidth()).isEqualTo(3);
        assertThat(Picture.ofImage(image)).isEqualTo(picture);
    }

    @Test
    void theNumberOfBytesMustFit() {
        assertThatThrownBy(() -> Picture.of(3, 3, SIX))
                .hasMessage("a picture of 3 x 3 pixels has 27 bytes but 18 were given");
        assertThatThrownBy(() -> Picture.of(0, 3, new byte[0]))
                .hasMessage("a picture must have at least 1 x 1 pixels but was 0 x 3");
    }

    @Test
    void veryWideAndVeryTallPicturesAreAveraged() {
        byte[] pixels = new byte[3 * (1 << 20)];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (byte) (i % 3 * 100);
        }
        Picture averaged = Picture.of(1, 1, new byte[] {0, 100, (byte) 200});

        assertThat(Resampler.BOX.resize(Picture.of(1 << 20, 1, pixels), 1, 1)).isEqualTo(averaged);
        assertThat(Resampler.BOX.resize(Picture.of(1, 1 << 20, pixels), 1, 1)).isEqualTo(averaged);
        assertThat(Resampler.LANCZOS
                        .resize(Picture.of(1 << 18, 4, pixels), 9, 3)
                        .rgb(4, 1))
                .isEqualTo(0x0064c8);
    }

    @Test
    void resizingToNothingOrTooMuchIsRefused() {
        Picture picture = Picture.of(3, 2, SIX);

        assertThatThrownBy(() -> Resampler.BOX.resize(picture, 0, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Resampler.BOX.resize(picture, 1 << 16, 1 << 11))
                .hasMessageContaining("at most 67108864 pixels");
        assertThatThrownBy(() -> CentreCrop.adm(picture, 0)).hasMessage("size must be at least 1 but was 0");
    }
}
