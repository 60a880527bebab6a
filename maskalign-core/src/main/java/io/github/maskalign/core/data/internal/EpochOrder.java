package io.github.maskalign.core.data.internal;

import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.Draws.RandomStream;
import io.github.maskalign.core.random.internal.SplitMix64;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The order in which a run sees its samples, as a function of (run seed, position).
 *
 * <p>Position p is sample {@code p mod size} of epoch {@code p / size}; each epoch is a fresh uniform permutation
 * (Fisher-Yates), and a batch may straddle two epochs, so no sample is ever left out. Nothing has to be saved to
 * resume. Safe for use by several threads.
 */
public final class EpochOrder {
    private final Draws draws;
    private final int size;
    private final Map<Long, int[]> orders = new LinkedHashMap<>(4, 0.75f, true); // a batch may lie in two epochs

    /**
     * Creates the order of a data set.
     *
     * @param draws the run's random numbers
     * @param size number of samples, at least 1
     */
    public EpochOrder(Draws draws, int size) {
        if (size < 1) {
            throw new IllegalArgumentException("a data set must have at least one sample but has " + size);
        }
        this.draws = draws;
        this.size = size;
    }

    /**
     * Returns the index in [0, size) of the sample at a position of the run's stream.
     *
     * @throws IllegalArgumentException if the position is negative
     */
    public int indexAt(long position) {
        if (position < 0) {
            throw new IllegalArgumentException("position must be at least 0 but was " + position);
        }
        return permutation(position / size)[(int) (position % size)];
    }

    private synchronized int[] permutation(long epoch) {
        int[] order = orders.get(epoch);
        if (order == null) {
            order = new int[size];
            SplitMix64 random = draws.at(RandomStream.DATA_ORDER, epoch);
            for (int i = 0; i < size; i++) {
                int j = random.nextInt(i + 1);
                order[i] = order[j];
                order[j] = i;
            }
            orders.put(epoch, order);
            if (orders.size() > 2) {
                orders.remove(orders.keySet().iterator().next());
            }
        }
        return order;
    }
}
