package io.github.maskalign.sit;

import ai.djl.ndarray.NDArray;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What one training loss is computed from; every random number is already drawn.
 *
 * @param clean clean latents x* (N, C, H, W), float32
 * @param noise ε (N, C, H, W), standard normal
 * @param t timesteps (N) in [0, 1]; 0 is data
 * @param y labels (N), int64
 * @param targets for each encoder its clean-image tokens (N, 1+T, Z), the class token first, or where the alignment
 *     is over a subset those it needs (N, 1+K, Z); may be empty if the model neither aligns nor has a class token
 * @param classNoise noise of the class token (N, Z), exactly if the model has one
 * @param keep kept patches (N, K), int64; null keeps all
 * @param dropped which labels become the null class (N), 0 or 1; null drops none
 */
public record SiTLossInput(
        NDArray clean,
        NDArray noise,
        NDArray t,
        NDArray y,
        List<NDArray> targets,
        @Nullable NDArray classNoise,
        @Nullable NDArray keep,
        @Nullable NDArray dropped) {
    /** Copies the list. */
    public SiTLossInput {
        targets = List.copyOf(targets);
    }

    /** Returns the same batch with other targets. */
    public SiTLossInput withTargets(List<NDArray> others) {
        return new SiTLossInput(clean, noise, t, y, others, classNoise, keep, dropped);
    }
}
