package io.github.maskalign.encoders.vae;

import ai.djl.ndarray.NDArray;
import io.github.maskalign.core.files.internal.Digests;
import java.io.IOException;
import java.nio.file.Path;

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
}
