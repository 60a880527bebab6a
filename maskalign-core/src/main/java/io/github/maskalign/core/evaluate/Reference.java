package io.github.maskalign.core.evaluate;

import org.jspecify.annotations.Nullable;

/**
 * What samples are compared with.
 *
 * @param identity identity of the feature space; empty if the file does not say
 * @param pictures pictures the statistics were taken from; 0 if that is not known
 * @param pooled statistics of the pooled features, for FID
 * @param spatial statistics of the spatial features, for sFID
 * @param rows features of pictures, for precision, recall and KID; owned by whoever made them
 */
public record Reference(
        String identity,
        long pictures,
        @Nullable FeatureStatistics pooled,
        @Nullable FeatureStatistics spatial,
        @Nullable FeatureMatrix rows) {
    /** Returns this reference with other rows. */
    public Reference withRows(@Nullable FeatureMatrix others) {
        return new Reference(identity, pictures, pooled, spatial, others);
    }

    /** Returns whether there is what a metric needs of the reference. */
    public boolean supports(Metric metric) {
        return switch (metric) {
            case FID -> pooled != null;
            case SFID -> spatial != null;
            case IS -> true;
            case PRECISION, RECALL, KID -> rows != null;
        };
    }
}
