package io.github.maskalign.core.evaluate.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.ArrayList;
import java.util.List;

/**
 * Mean and covariance of features that come in batches, in float64 and in memory that does not grow.
 *
 * <p>Rows are gathered, centred by the mean of their batch and joined with what there is (Chan, Golub, LeVeque 1979), so
 * that a large mean costs no digits. Two accumulators can be merged. Memory: 8 D² bytes and 512 rows. Belongs to one
 * thread.
 */
public final class FeatureAccumulator implements AutoCloseable {
    static final int BUFFER_ROWS = 512;

    private static final ScriptFunction BROKEN = function("broken_rows");
    private static final ScriptFunction STORE = function("store");
    private static final ScriptFunction ADD_ROWS = function("add_rows");
    private static final ScriptFunction ADD_STATISTICS = function("add_statistics");

    private final NDManager manager;
    private final int width;
    private final NDArray mean;
    private final NDArray scatter;
    private final NDArray buffer;
    private long joined;
    private int buffered;

    /**
     * Creates an empty one.
     *
     * @param parent the manager on whose device it computes; closing it closes this
     * @param width features D of a row, at least 1
     */
    public FeatureAccumulator(NDManager parent, int width) {
        if (width < 1) {
            throw new IllegalArgumentException("width must be at least 1 but was " + width);
        }
        this.width = width;
        manager = parent.newSubManager();
        mean = manager.zeros(new Shape(width), DataType.FLOAT64);
        scatter = manager.zeros(new Shape(width, width), DataType.FLOAT64);
        buffer = manager.create(new Shape(BUFFER_ROWS, width), DataType.FLOAT32);
    }

    /**
     * Adds rows.
     *
     * @param rows features (N, D), float32
     * @throws IllegalArgumentException if they have another shape or type, or hold a number that is not finite; nothing
     *     is added then
     */
    public void add(NDArray rows) {
        requireRows(rows, width);
        addEvery(rows, 0, 1);
    }

    /** Adds rows {@code start}, {@code start + step}, ... of rows that were checked. */
    public void addEvery(NDArray rows, int start, int step) {
        int total = Math.toIntExact(rows.getShape().get(0));
        int at = start;
        try (GradMode off = GradMode.off()) {
            while (at < total) {
                int fitting = Math.min(BUFFER_ROWS - buffered, (total - at + step - 1) / step);
                int end = Math.min(total, at + fitting * step);
                try (NDArray part = rows.get(at + ":" + end);
                        NDArray stored = STORE.callForOne(buffer, part, buffered, 0, step)) {
                    buffered += Math.toIntExact(stored.getShape().get(0));
                }
                at += fitting * step;
                if (buffered == BUFFER_ROWS) {
                    join();
                }
            }
        }
    }

    /** Adds all rows that another accumulator was given; the other stays as it is. */
    public void merge(FeatureAccumulator other) {
        if (other.width != width) {
            throw new IllegalArgumentException(
                    "rows of " + other.width + " features cannot join rows of " + width + " features");
        }
        join();
        other.join();
        if (other.joined > 0) {
            try (GradMode off = GradMode.off()) {
                ADD_STATISTICS
                        .call(mean, scatter, other.mean, other.scatter, other.joined, joined)
                        .close();
            }
            joined += other.joined;
        }
    }

    /** Returns the number of rows. */
    public long count() {
        return joined + buffered;
    }

    /** Returns the number of features D. */
    public int width() {
        return width;
    }

    /**
     * Returns the statistics of the rows so far.
     *
     * @throws IllegalStateException if there are less than two rows, which have no covariance
     */
    public FeatureStatistics statistics() {
        join();
        if (joined < 2) {
            throw new IllegalStateException("a covariance needs at least 2 pictures but there are " + joined);
        }
        double[] covariance = scatter.toDoubleArray();
        for (int i = 0; i < covariance.length; i++) {
            covariance[i] /= joined - 1;
        }
        return new FeatureStatistics(joined, mean.toDoubleArray(), covariance);
    }

    /** Frees the native memory. */
    @Override
    public void close() {
        manager.close();
    }

    private void join() {
        if (buffered > 0) {
            try (GradMode off = GradMode.off()) {
                ADD_ROWS.call(mean, scatter, buffer, buffered, joined).close();
            }
            joined += buffered;
            buffered = 0;
        }
    }

    /** @throws IllegalArgumentException if these are no finite float32 features (N, width) */
    public static void requireRows(NDArray rows, int width) {
        Shape shape = rows.getShape();
        if (shape.dimension() != 2 || shape.get(1) != width || rows.getDataType() != DataType.FLOAT32) {
            throw new IllegalArgumentException("features must be float32 of shape (N, " + width + ") but were "
                    + rows.getDataType() + " of shape " + shape);
        }
        if (shape.get(0) == 0) {
            return;
        }
        long[] broken;
        try (GradMode off = GradMode.off();
                NDArray found = BROKEN.callForOne(rows)) {
            broken = found.toLongArray();
        }
        if (broken[0] > 0) {
            throw new IllegalArgumentException("features must be finite but " + broken[0] + " of " + shape.get(0)
                    + " rows hold NaN or infinity, the first in row " + broken[1]);
        }
    }

    private static ScriptFunction function(String name) {
        return ScriptFunction.of(FeatureAccumulator.class, "statistics.py", name);
    }

    /**
     * Statistics of features and, at the same time, of the features without one group after another: what a jackknife needs,
     * in one pass. Row {@code i} belongs to group {@code i mod G}. Memory: G times that of a {@link FeatureAccumulator}.
     */
    public static final class GroupedAccumulator implements AutoCloseable {
        private final NDManager manager;
        private final int width;
        private final List<FeatureAccumulator> groups = new ArrayList<>();
        private long count;

        /** @param groups number of groups G, at least 1; with 1 there is no leaving out */
        public GroupedAccumulator(NDManager parent, int width, int groups) {
            manager = parent.newSubManager();
            this.width = width;
            for (int g = 0; g < groups; g++) {
                this.groups.add(new FeatureAccumulator(manager, width));
            }
        }

        public void add(NDArray rows) {
            FeatureAccumulator.requireRows(rows, width);
            int size = groups.size();
            int first = (int) (count % size);
            for (int g = 0; g < size; g++) {
                groups.get(g).addEvery(rows, Math.floorMod(g - first, size), size);
            }
            count += rows.getShape().get(0);
        }

        public long count() {
            return count;
        }

        public FeatureStatistics all() {
            return joined(-1);
        }

        /** How many groups can be left out in turn: all if each has rows and the rest has at least two, else none. */
        public int omissible() {
            int size = groups.size();
            return size > 1 && count >= size && count - (count + size - 1) / size >= 2 ? size : 0;
        }

        public FeatureStatistics without(int group) {
            return joined(group);
        }

        @Override
        public void close() {
            manager.close();
        }

        private FeatureStatistics joined(int omitted) {
            try (FeatureAccumulator sum = new FeatureAccumulator(manager, width)) {
                for (int g = 0; g < groups.size(); g++) {
                    if (g != omitted) {
                        sum.merge(groups.get(g));
                    }
                }
                return sum.statistics();
            }
        }
    }
}
