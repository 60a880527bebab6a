package io.github.maskalign.core.evaluate.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.ArrayList;
import java.util.List;

/**
 * Statistics of features and, at the same time, of the features without one group after another: what a jackknife needs,
 * in one pass. Row {@code i} belongs to group {@code i mod G}. Memory: G times that of a {@link FeatureAccumulator}.
 */
public final class GroupedAccumulator implements AutoCloseable {
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
