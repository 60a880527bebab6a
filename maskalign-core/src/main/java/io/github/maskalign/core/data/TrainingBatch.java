package io.github.maskalign.core.data;

import ai.djl.ndarray.NDArray;
import org.jspecify.annotations.Nullable;

/**
 * Samples of one micro-batch.
 *
 * @param latents clean latents x* in the model's scale (N, C, H, W), float32
 * @param labels classes (N), int64
 * @param images the pictures they come from (N, 3, H', W'), uint8, for the encoder; null if there are none
 * @param tokens what the encoder says about them (N, 1+T, Z), or of the tokens of a {@link TokenChoice} (N, K, Z), float32,
 *     where that is known already; null if it is not
 */
public record TrainingBatch(
        NDArray latents,
        NDArray labels,
        @Nullable NDArray images,
        @Nullable NDArray tokens) {}
