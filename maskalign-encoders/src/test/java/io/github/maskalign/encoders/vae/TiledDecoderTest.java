package io.github.maskalign.encoders.vae;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.PixelScaling;
import io.github.maskalign.encoders.vae.Autoencoder.LatentMoments;
import io.github.maskalign.encoders.vae.Autoencoder.LatentScaling;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("device")
class TiledDecoderTest {
    private static final LatentScaling HALF = LatentScaling.of(0.5, 0.25);

    @Test
    void picturesDoNotDependOnHowManyAreDecodedAtATime() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray latents = manager.randomUniform(-0.5f, 0.5f, new Shape(5, 3, 4, 6));

            byte[] together = new TiledDecoder(new Doubling(), HALF, PixelScaling.TRUNCATE, 5, 8).decode(latents);
            byte[] apart = new TiledDecoder(new Doubling(), HALF, PixelScaling.TRUNCATE, 2, 8).decode(latents);

            assertThat(apart).isEqualTo(together);
            float[] values = latents.toFloatArray();
            // z / scale + bias, then the pixel rule; (0, 0) of the picture is (0, 0) of the latent
            assertThat(together[0] & 0xff).isEqualTo(PixelScaling.TRUNCATE.toByte(values[0] / 0.5f + 0.25f) & 0xff);
        }
    }

    @Test
    void tilesOfALocalDecoderJoinWithoutSeam() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray latents = manager.randomUniform(-0.5f, 0.5f, new Shape(1, 3, 11, 5));

            byte[] whole = new TiledDecoder(new Doubling(), HALF, PixelScaling.ROUND, 1, 16).decode(latents);
            byte[] tiled = new TiledDecoder(new Doubling(), HALF, PixelScaling.ROUND, 1, 4).decode(latents);

            for (int i = 0; i < whole.length; i++) {
                // weighted means of equal numbers may round to the level below
                assertThat(tiled[i] & 0xff).isCloseTo(whole[i] & 0xff, within(1));
            }
        }
    }

    @Test
    void scalingByChannelIsUndone() {
        LatentScaling scaling = new LatentScaling(List.of(0.5, 2.0), List.of(1.0, -1.0));
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray latents = manager.create(new float[] {3, 5}, new Shape(1, 2, 1, 1));

            assertThat(scaling.toModel(latents).toFloatArray()).containsExactly(1, 12);
            assertThat(scaling.fromModel(scaling.toModel(latents)).toFloatArray())
                    .containsExactly(3, 5);
        }
    }

    /** Makes every latent pixel four equal ones. */
    private static final class Doubling implements Autoencoder {
        @Override
        public int latentChannels() {
            return 3;
        }

        @Override
        public int reduction() {
            return 2;
        }

        @Override
        public LatentMoments encode(NDArray images) {
            throw new UnsupportedOperationException("decodes only");
        }

        @Override
        public NDArray decode(NDArray latents) {
            return latents.repeat(2, 2).repeat(3, 2);
        }

        @Override
        public Path file() {
            return Path.of("none");
        }

        @Override
        public void close() {}
    }
}
