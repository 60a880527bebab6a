package io.github.maskalign.core.evaluate;

import java.util.Set;

/**
 * What a collector keeps of the features.
 *
 * @param statistics whether means and covariances are kept
 * @param spatial whether those of the spatial features too
 * @param score whether the sums of the Inception Score are kept
 * @param groups groups of the jackknife that gives the Fréchet distances their errors; 1 for no errors. Each takes 8 D²
 *     bytes: 34 MB for 2,048 features
 * @param rows most rows that are kept for neighbours and kernels; 0 for none. 8 KB each for 2,048 features
 * @param expected pictures that will come, of which {@code rows} are kept at even distances
 */
public record CollectorConfig(boolean statistics, boolean spatial, boolean score, int groups, int rows, long expected) {
    /** Groups of the jackknife unless something else is asked for. */
    public static final int USUAL_GROUPS = 10;

    /** Pictures of the reference that precision, recall and kernel distance look at, as in ADM's reference files. */
    public static final int USUAL_REFERENCE_ROWS = 10_000;

    /** Checks the ranges. */
    public CollectorConfig {
        if (groups < 1 || rows < 0 || expected < 0) {
            throw new IllegalArgumentException("groups must be at least 1, rows and expected at least 0 but were "
                    + groups + ", " + rows + " and " + expected);
        }
    }

    /** What a reference of {@code expected} pictures must keep for these metrics. */
    public static CollectorConfig reference(Set<Metric> metrics, int rows, long expected) {
        boolean near = metrics.stream().anyMatch(Metric::needsRows);
        return new CollectorConfig(
                metrics.stream().anyMatch(Metric::needsStatistics),
                metrics.contains(Metric.SFID),
                false,
                1,
                near ? rows : 0,
                expected);
    }

    /** What {@code expected} samples must keep for these metrics. */
    public static CollectorConfig samples(Set<Metric> metrics, int groups, long expected) {
        boolean near = metrics.stream().anyMatch(Metric::needsRows);
        return new CollectorConfig(
                metrics.stream().anyMatch(Metric::needsStatistics),
                metrics.contains(Metric.SFID),
                metrics.contains(Metric.IS),
                groups,
                near ? Math.toIntExact(expected) : 0,
                expected);
    }

    /** Whether the row at a position is kept: exactly {@code min(rows, expected)} of all are, at even distances. */
    boolean keeps(long position) {
        if (rows >= expected) {
            return rows > 0;
        }
        return Math.floorDiv((position + 1) * rows, expected) > Math.floorDiv(position * rows, expected);
    }
}
