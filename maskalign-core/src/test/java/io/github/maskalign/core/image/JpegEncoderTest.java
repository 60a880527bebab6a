package io.github.maskalign.core.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import org.junit.jupiter.api.Test;

class JpegEncoderTest {
    @Test
    void aSmoothPictureIsReadBackNearlyAndTakesLessThanAPng() throws IOException {
        Picture picture = smooth(96, 64);

        byte[] jpeg = PictureWriter.jpeg(picture, 0.8f);
        Picture read = PictureReader.read(jpeg, "jpeg");

        assertThat(read.width()).isEqualTo(96);
        assertThat(read.height()).isEqualTo(64);
        double apart = 0;
        for (int i = 0; i < picture.pixels().length; i++) {
            apart += Math.abs((picture.pixels()[i] & 0xff) - (read.pixels()[i] & 0xff));
        }
        assertThat(apart / picture.pixels().length)
                .isLessThan(3); // levels of 255; channels that are swapped are 60 apart
        assertThat(jpeg.length).isLessThan(PictureWriter.png(picture, PictureWriter.Packing.STORED).length / 5);
        assertThat(PictureWriter.jpeg(picture, 0.3f).length).isLessThan(jpeg.length);
    }

    @Test
    void aQualityOutOfRangeIsRefused() {
        assertThatThrownBy(() -> PictureWriter.jpeg(smooth(8, 8), 1.5f))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("quality must be in [0, 1] but was 1.5");
    }

    private static Picture smooth(int width, int height) {
        byte[] pixels = new byte[3 * width * height];
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                int at = 3 * (y * width + x);
                pixels[at] = (byte) (255 * x / width);
                pixels[at + 1] = (byte) (255 * y / height);
                pixels[at + 2] = (byte) (127 + 60 * Math.sin(0.1 * (x + y)));
            }
        }
        return Picture.of(width, height, pixels);
    }
}
