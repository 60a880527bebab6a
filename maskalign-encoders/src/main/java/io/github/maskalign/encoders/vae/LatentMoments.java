package io.github.maskalign.encoders.vae;

import ai.djl.ndarray.NDArray;

/**
 * Where the latents of pictures lie: a normal distribution for each number.
 *
 * @param mean (N, C, h, w), float32
 * @param std standard deviation, exp(½ clamp(log variance, −30, 20)), (N, C, h, w), float32
 */
public record LatentMoments(NDArray mean, NDArray std) implements AutoCloseable {
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
