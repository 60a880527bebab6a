package io.github.maskalign.encoders.vae;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.PixelScaling;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.encoders.vae.Autoencoder.LatentMoments;
import java.util.List;
import org.junit.jupiter.api.Test;

class PixelAutoencoderTest {
    private static final int SIDE = 6;

    @Test
    void givesBackEveryByteOfAPicture() {
        Picture picture = Picture.of(SIDE, SIDE, bytes());
        try (NDManager manager = NDManager.newBaseManager(Engine.getInstance().defaultDevice());
                Autoencoder pixels = new PixelAutoencoder()) {
            NDArray images = Picture.toNDArray(manager, List.of(picture));

            LatentMoments moments = pixels.encode(images);
            NDArray model = pixels.scaling().toModel(moments.mean());
            NDArray decoded = pixels.decode(pixels.scaling().fromModel(model));

            assertThat(model.toFloatArray()[0]).isEqualTo(PixelScaling.toModel((byte) 0));
            assertThat(moments.std().sum().getFloat()).isZero();
            assertThat(PixelScaling.ROUND.pictures(decoded)).containsExactly(picture);
            assertThat(decoded).isNotSameAs(model);
        }
    }

    @Test
    void decodesInTilesToTheSameBytes() {
        Picture picture = Picture.of(SIDE, SIDE, bytes());
        try (NDManager manager = NDManager.newBaseManager(Engine.getInstance().defaultDevice());
                Autoencoder pixels = new PixelAutoencoder()) {
            NDArray latents =
                    pixels.encode(Picture.toNDArray(manager, List.of(picture))).mean();

            byte[] tiled = new TiledDecoder(pixels, pixels.scaling(), PixelScaling.ROUND, 1, 4).decode(latents);

            assertThat(tiled).isEqualTo(picture.toPlanar());
        }
    }

    @Test
    void refusesOtherShapes() {
        try (NDManager manager = NDManager.newBaseManager(Engine.getInstance().defaultDevice());
                Autoencoder pixels = new PixelAutoencoder()) {
            NDArray latents = OwnedArrays.of(manager, new Shape(1, 4, 1, 1), new float[4]);
            NDArray floats = manager.zeros(new Shape(1, 3, 2, 2), DataType.FLOAT32);

            assertThatThrownBy(() -> pixels.decode(latents))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("(N, 3, h, w)");
            assertThatThrownBy(() -> pixels.encode(floats))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("must be uint8");
        }
    }

    private static byte[] bytes() {
        byte[] bytes = new byte[3 * SIDE * SIDE];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (i * 255 / (bytes.length - 1));
        }
        return bytes;
    }
}
