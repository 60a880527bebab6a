package io.github.maskalign.core.evaluate;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.evaluate.Evaluation.Reference;
import io.github.maskalign.core.evaluate.FeatureExtractor.FeatureSpace;
import io.github.maskalign.core.evaluate.FeatureExtractor.Features;
import io.github.maskalign.core.evaluate.internal.FeatureAccumulator;
import io.github.maskalign.core.evaluate.internal.FeatureAccumulator.GroupedAccumulator;
import io.github.maskalign.core.evaluate.internal.FeatureMatrix;
import io.github.maskalign.core.evaluate.internal.FeatureStatistics;
import io.github.maskalign.core.evaluate.internal.InceptionScore;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Keeps of features, as they come, what the metrics need; the pictures and most features are gone afterwards.
 *
 * <p>Memory does not grow with the number of pictures but for the rows that are asked for. Belongs to one thread.
 */
public final class FeatureCollector implements AutoCloseable {
    private final FeatureSpace space;
    private final CollectorConfig config;
    private final NDManager manager;
    private final @Nullable GroupedAccumulator pooled;
    private final @Nullable GroupedAccumulator spatial;
    private final @Nullable InceptionScore score;
    private final @Nullable FeatureMatrix rows;
    private long count;

    /**
     * Creates an empty one.
     *
     * @param parent the manager on whose device it keeps things; closing it closes this
     * @throws IllegalArgumentException if something is to be kept that the space does not have
     */
    public FeatureCollector(NDManager parent, FeatureSpace space, CollectorConfig config) {
        if (config.spatial() && space.spatialWidth() == 0) {
            throw new IllegalArgumentException(space.name() + " has no spatial features, which sFID needs");
        }
        if (config.score() && space.classes() == 0) {
            throw new IllegalArgumentException(space.name() + " has no classes, which the Inception Score needs");
        }
        this.space = space;
        this.config = config;
        manager = parent.newSubManager();
        pooled = config.statistics() ? new GroupedAccumulator(manager, space.width(), config.groups()) : null;
        spatial = config.spatial() ? new GroupedAccumulator(manager, space.spatialWidth(), config.groups()) : null;
        score = config.score() ? new InceptionScore(space.classes(), InceptionScore.SPLIT) : null;
        rows = config.rows() > 0 ? new FeatureMatrix(manager, space.width()) : null;
    }

    /**
     * Adds the features of some pictures, which must come in the order of the pictures.
     *
     * @throws IllegalArgumentException if they are not of the space, or a number is not finite
     */
    public void add(Features features) {
        long n = features.pooled().getShape().get(0);
        check("pooled", features.pooled(), n, space.width());
        check("spatial", features.spatial(), n, config.spatial() ? space.spatialWidth() : 0);
        check("logits", features.logits(), n, config.score() ? space.classes() : 0);
        try {
            if (rows != null) {
                addRows(rows, features.pooled(), Math.toIntExact(n));
            }
            if (pooled != null) {
                pooled.add(features.pooled());
            }
            if (spatial != null && features.spatial() != null) {
                spatial.add(features.spatial());
            }
            if (score != null && features.logits() != null) {
                score.add(features.logits());
            }
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "features of pictures " + count + " to " + (count + n - 1) + ": " + e.getMessage(), e);
        }
        count += n;
    }

    /** Returns the number of pictures. */
    public long count() {
        return count;
    }

    /** Returns whose features these are. */
    public FeatureSpace space() {
        return space;
    }

    /**
     * Returns these pictures as a reference; its rows are those of this collector, which must stay open.
     *
     * @throws IllegalStateException if there are less than two pictures or no statistics were kept
     */
    public Reference reference() {
        return new Reference(
                space.identity(),
                count,
                "",
                statistics().orElse(null),
                spatialStatistics().orElse(null),
                rows);
    }

    /** Returns the statistics of the pooled features, if they were kept. */
    public Optional<FeatureStatistics> statistics() {
        return Optional.ofNullable(pooled).map(GroupedAccumulator::all);
    }

    /** Returns the statistics of the spatial features, if they were kept. */
    public Optional<FeatureStatistics> spatialStatistics() {
        return Optional.ofNullable(spatial).map(GroupedAccumulator::all);
    }

    /** Frees the native memory. */
    @Override
    public void close() {
        manager.close();
    }

    Optional<GroupedAccumulator> groups(Metric metric) {
        return Optional.ofNullable(metric == Metric.SFID ? spatial : pooled);
    }

    Optional<InceptionScore> score() {
        return Optional.ofNullable(score);
    }

    Optional<FeatureMatrix> rows() {
        return Optional.ofNullable(rows);
    }

    private void addRows(FeatureMatrix target, NDArray pooledRows, int n) {
        FeatureAccumulator.requireRows(pooledRows, space.width());
        int from = 0;
        while (from < n) { // runs of rows that are kept; all of them are one run
            int to = from;
            while (to < n && config.keeps(count + to)) {
                to++;
            }
            if (to > from) {
                try (NDArray run = pooledRows.get(from + ":" + to)) {
                    target.addSome(run, to - from);
                }
            }
            from = to + 1;
        }
    }

    private static void check(String what, @Nullable NDArray rows, long n, int width) {
        if (width == 0) {
            return;
        }
        if (rows == null || rows.getShape().dimension() != 2 || rows.getShape().get(0) != n) {
            throw new IllegalArgumentException("the extractor must give " + what + " features (" + n + ", " + width
                    + ") but gave " + (rows == null ? "none" : rows.getShape()));
        }
    }

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
    public record CollectorConfig(
            boolean statistics, boolean spatial, boolean score, int groups, int rows, long expected) {
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
}
