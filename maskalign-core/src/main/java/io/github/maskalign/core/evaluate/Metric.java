package io.github.maskalign.core.evaluate;

import io.github.maskalign.core.evaluate.FeatureExtractor.FeatureSpace;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/** What can be measured of a set of pictures. */
public enum Metric {
    /** Fréchet distance of the pooled features. */
    FID("FID", "fd", true),
    /** Fréchet distance of the spatial features. */
    SFID("sFID", "spatial_fd", true),
    /** Inception Score. */
    IS("Inception Score", "classifier_score", false),
    /** Share of samples near the reference. */
    PRECISION("precision", "", false),
    /** Share of the reference near samples. */
    RECALL("recall", "", false),
    /** Kernel distance of the pooled features. */
    KID("KID", "kd", true);

    private final String title;
    private final String elsewhere;
    private final boolean lowerIsBetter;

    /** {@code elsewhere} starts the id in features other than Inception's; empty if the name is kept. */
    Metric(String title, String elsewhere, boolean lowerIsBetter) {
        this.title = title;
        this.elsewhere = elsewhere;
        this.lowerIsBetter = lowerIsBetter;
    }

    /** Returns the name in options, which is that in Inception's features, such as {@code sfid}. */
    public String id() {
        return name().toLowerCase(Locale.ROOT);
    }

    /**
     * Returns the name of the number in files: {@link #id()} in Inception's features. Elsewhere distances and classifier
     * scores have a name of their own that ends with the space's, such as {@code fd_embedded_teacher}, {@code
     * spatial_fd_…}, {@code kd_…} and {@code classifier_score_…}; precision and recall keep theirs.
     */
    public String id(FeatureSpace space) {
        return space.inception() || elsewhere.isEmpty() ? id() : elsewhere + "_" + space.word();
    }

    /**
     * Returns the name of the number in files where other networks look at the same samples too: that of {@link
     * #id(FeatureSpace)}, but precision and recall end with the space's word as well, such as {@code precision_judge}.
     */
    public String idAmongOthers(FeatureSpace space) {
        return space.inception() ? id() : word() + "_" + space.word();
    }

    /** Returns what a name in files starts with, before the word of a space. */
    public String word() {
        return elsewhere.isEmpty() ? id() : elsewhere;
    }

    /** Returns the metric of a name in files, in whatever space. */
    public static Optional<Metric> ofFile(String id) {
        return Arrays.stream(values())
                .filter(m -> id.equals(m.id()) || id.startsWith(m.word() + "_"))
                .findFirst();
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
