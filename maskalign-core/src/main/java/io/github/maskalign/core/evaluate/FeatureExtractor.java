package io.github.maskalign.core.evaluate;

import ai.djl.ndarray.NDArray;

/**
 * A frozen network that turns pictures into features.
 *
 * <p>The same picture gives the same features whatever the batch, up to rounding. Implementations own native memory and
 * belong to one thread.
 */
public interface FeatureExtractor extends AutoCloseable {
    /** Returns whose features these are. */
    FeatureSpace space();

    /**
     * Computes features, without recording gradients.
     *
     * @param images pictures (N, 3, H, W), uint8 in [0, 255], on the extractor's device
     * @return features on the manager of {@code images}
     * @throws IllegalArgumentException if the pictures have another shape or type than the network takes
     */
    Features extract(NDArray images);

    @Override
    void close();
}
