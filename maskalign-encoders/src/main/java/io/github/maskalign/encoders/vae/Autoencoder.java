package io.github.maskalign.encoders.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.files.internal.OwnedArrays;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * An autoencoder between pictures and latents, such as Stable Diffusion's. Never records gradients; belongs to one
 * thread; keeps neither inputs nor results.
 */
public interface Autoencoder extends AutoCloseable {
    /** Returns the channels C of the latents. */
    int latentChannels();

    /** Returns how many pixels a latent pixel stands for along a side. */
    int reduction();

    /**
     * Encodes pictures.
     *
     * @param images (N, 3, H, W), uint8, sides multiples of {@link #reduction()}; enters as x / 127.5 − 1
     * @return unscaled moments on the manager of {@code images}
     * @throws IllegalArgumentException if the pictures have another shape or type
     */
    LatentMoments encode(NDArray images);

    /**
     * Decodes latents.
     *
     * @param latents unscaled (N, C, h, w), float32
     * @return pictures (N, 3, H, W), float32, [−1, 1] but for overshoots, on the manager of {@code latents}
     * @throws IllegalArgumentException if the latents have another shape or type
     */
    NDArray decode(NDArray latents);

    /** Returns how its latents become those a model is trained on. */
    default LatentScaling scaling() {
        return LatentScaling.STABLE_DIFFUSION;
    }

    /** Returns the networks, for whoever trains them on; empty if their weights cannot be trained here. */
    default Optional<TrainableAutoencoder> trainable() {
        return Optional.empty();
    }

    /** Returns the file the weights are from. */
    Path file();

    /**
     * Returns the hash of that file.
     *
     * @throws IOException if it cannot be read
     */
    default String sha256() throws IOException {
        return Digests.sha256(file());
    }

    @Override
    void close();

    /**
     * Where the latents of pictures lie: a normal distribution for each number.
     *
     * @param mean (N, C, h, w), float32
     * @param std standard deviation, exp(½ clamp(log variance, −30, 20)), (N, C, h, w), float32
     */
    record LatentMoments(NDArray mean, NDArray std) implements AutoCloseable {
        /** Returns mean + std · noise, unscaled; {@code noise} is standard normal, (N, C, h, w). */
        public NDArray sample(NDArray noise) {
            return mean.add(std.mul(noise));
        }

        @Override
        public void close() {
            mean.close();
            std.close();
        }
    }

    /**
     * Between an autoencoder's latents and those a model is trained on: z = (latent − bias) · scale.
     *
     * @param scale one factor for all channels or one for each
     * @param bias one number for all channels or one for each
     */
    record LatentScaling(List<Double> scale, List<Double> bias) {
        /** Stable Diffusion: 0.18215 and 0. */
        public static final LatentScaling STABLE_DIFFUSION = of(0.18215, 0);

        /** @throws IllegalArgumentException if a scale is 0 or the lists have neither one number nor equally many */
        public LatentScaling {
            scale = List.copyOf(scale);
            bias = List.copyOf(bias);
            if (scale.isEmpty() || scale.size() != bias.size() || scale.contains(0.0)) {
                throw new IllegalArgumentException(
                        "scale and bias must have equally many numbers, none of scale 0, but were " + scale + " and "
                                + bias);
            }
        }

        /** The same for all channels. */
        public static LatentScaling of(double scale, double bias) {
            return new LatentScaling(List.of(scale), List.of(bias));
        }

        /** Returns the model's latents of the autoencoder's (N, C, h, w). */
        public NDArray toModel(NDArray latents) {
            try (NDManager scratch = latents.getManager().newSubManager();
                    NDArray centred = latents.sub(channels(scratch, bias))) {
                return centred.mul(channels(scratch, scale));
            }
        }

        /** Returns the autoencoder's latents of the model's (N, C, h, w). */
        public NDArray fromModel(NDArray latents) {
            try (NDManager scratch = latents.getManager().newSubManager();
                    NDArray wide = latents.div(channels(scratch, scale))) {
                return wide.add(channels(scratch, bias));
            }
        }

        private static NDArray channels(NDManager manager, List<Double> values) {
            float[] floats = new float[values.size()];
            for (int i = 0; i < floats.length; i++) {
                floats[i] = values.get(i).floatValue();
            }
            return OwnedArrays.of(manager, new Shape(1, floats.length, 1, 1), floats);
        }
    }
}
