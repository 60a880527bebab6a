package io.github.maskalign.core.evaluate;

import io.github.maskalign.core.evaluate.FeatureExtractor.FeatureSpace;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** What can be measured of a set of pictures. */
public enum Metric {
    /** Fréchet distance of the pooled features. */
    FID("FID", true),
    /** Fréchet distance of the spatial features. */
    SFID("sFID", true),
    /** Inception Score. */
    IS("Inception Score", false),
    /** Share of samples near the reference. */
    PRECISION("precision", false),
    /** Share of the reference near samples. */
    RECALL("recall", false),
    /** Kernel distance of the pooled features. */
    KID("KID", true);

    private final String title;
    private final boolean lowerIsBetter;

    Metric(String title, boolean lowerIsBetter) {
        this.title = title;
        this.lowerIsBetter = lowerIsBetter;
    }

    /** Returns the name in options and files, such as {@code sfid}. */
    public String id() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Returns whether smaller numbers are better. */
    public boolean lowerIsBetter() {
        return lowerIsBetter;
    }

    /**
     * Returns what to call the number in a space. Distances in features other than Inception's are not called FID, sFID
     * or KID: they cannot be compared with published numbers.
     */
    public String title(FeatureSpace space) {
        if (space.inception()) {
            return title;
        }
        return switch (this) {
            case FID -> "Fréchet distance (not FID)";
            case SFID -> "spatial Fréchet distance (not sFID)";
            case KID -> "kernel distance (not KID)";
            case IS -> "classifier score (not Inception Score)";
            default -> title;
        };
    }

    /**
     * Returns the metric of an id.
     *
     * @throws IllegalArgumentException with all ids if there is none
     */
    public static Metric named(String id) {
        return Arrays.stream(values())
                .filter(m -> m.id().equals(id))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("a metric must be one of "
                        + Arrays.stream(values()).map(Metric::id).collect(Collectors.joining(", ")) + " but was "
                        + id));
    }

    boolean needsStatistics() {
        return this == FID || this == SFID;
    }

    boolean needsRows() {
        return this == PRECISION || this == RECALL || this == KID;
    }
}
