package io.github.maskalign.core.evaluate;

import ai.djl.ndarray.NDArray;
import org.jspecify.annotations.Nullable;

/**
 * What an extractor says about pictures, float32.
 *
 * @param pooled features of the whole picture (N, D)
 * @param spatial features of its places (N, S), if the space has them
 * @param logits logits without bias (N, C), if the space has them
 */
public record Features(
        NDArray pooled, @Nullable NDArray spatial, @Nullable NDArray logits) {}
