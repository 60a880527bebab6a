package io.github.maskalign.core.evaluate;

import ai.djl.ndarray.NDArray;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

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

    /**
     * What an extractor says about pictures, float32.
     *
     * @param pooled features of the whole picture (N, D)
     * @param spatial features of its places (N, S), if the space has them
     * @param logits logits without bias (N, C), if the space has them
     */
    record Features(
            NDArray pooled,
            @Nullable NDArray spatial,
            @Nullable NDArray logits) {}

    /**
     * Whose features these are. Numbers of one space mean nothing in another.
     *
     * @param name what to call it in results, such as {@code Inception v3 (adm)}
     * @param identity equal exactly for extractors that give the same numbers: network, preprocessing, hash of the weights
     * @param inception whether it is the 2015 Inception network, so that the distances may be called FID, sFID and KID
     * @param width features D of a picture, at least 1
     * @param spatialWidth spatial features of a picture; 0 if there are none
     * @param classes logits of a picture; 0 if there are none
     */
    record FeatureSpace(String name, String identity, boolean inception, int width, int spatialWidth, int classes) {
        /** Checks the ranges. */
        public FeatureSpace {
            if (name.isBlank() || identity.isBlank()) {
                throw new IllegalArgumentException("name and identity of a feature space must not be blank but were '"
                        + name + "' and '" + identity + "'");
            }
            if (width < 1 || spatialWidth < 0 || classes < 0 || classes == 1) {
                throw new IllegalArgumentException(
                        "a feature space must have a width of at least 1, no or some spatial features"
                                + " and no or at least 2 classes but had " + width + ", " + spatialWidth + " and "
                                + classes);
            }
        }

        /**
         * Returns the name as a word of small letters, digits and {@code _} for the ids of metrics, without what it says in
         * brackets: {@code dinov2_vit_b} of {@code dinov2-vit-b (weights.pth)}.
         */
        public String word() {
            String word = name.replaceAll("\\(.*?\\)", "")
                    .toLowerCase(Locale.ROOT)
                    .replaceAll("[^a-z0-9]+", "_")
                    .replaceAll("^_|_$", "");
            return word.isEmpty() ? "other" : word;
        }

        /** Returns whether the space has what a metric needs. */
        public boolean supports(Metric metric) {
            return switch (metric) {
                case SFID -> spatialWidth > 0;
                case IS -> classes > 0;
                default -> true;
            };
        }
    }
}
