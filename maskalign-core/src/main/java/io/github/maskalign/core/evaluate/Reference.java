package io.github.maskalign.core.evaluate;

import io.github.maskalign.core.evaluate.internal.FeatureMatrix;
import io.github.maskalign.core.evaluate.internal.FeatureStatistics;
import org.jspecify.annotations.Nullable;

/**
 * What samples are compared with.
 *
 * @param identity identity of the feature space; empty if the file does not say
 * @param pictures pictures the statistics were taken from; 0 if that is not known
 * @param resolution width and height of the pictures, such as {@code 256x256}; empty if that is not known
 * @param pooled statistics of the pooled features, for FID
 * @param spatial statistics of the spatial features, for sFID
 * @param rows features of pictures, for precision, recall and KID; owned by whoever made them
 */
public record Reference(
        String identity,
        long pictures,
        String resolution,
        @Nullable FeatureStatistics pooled,
        @Nullable FeatureStatistics spatial,
        @Nullable FeatureMatrix rows) {
    /** Returns this reference of pictures of a known size. */
    public Reference withResolution(String found) {
        return new Reference(identity, pictures, found, pooled, spatial, rows);
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
