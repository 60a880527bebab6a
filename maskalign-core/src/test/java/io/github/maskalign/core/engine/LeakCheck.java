package io.github.maskalign.core.engine;

import ai.djl.ndarray.NDManager;

/** Counts the arrays a manager holds while the same work is repeated: after a warm-up the count must stand still. */
public final class LeakCheck {
    private static final int WARM_UP = 3;

    private LeakCheck() {}

    /** One round of work, with a manager of its own that is closed afterwards. */
    @FunctionalInterface
    public interface Round {
        /** Does the work. */
        void run(NDManager step);
    }

    /** Repeats the work and fails as soon as a round leaves another number of arrays on the manager than the round before. */
    public static void constantCount(NDManager manager, int rounds, Round work) {
        int expected = -1;
        for (int i = 0; i < WARM_UP + rounds; i++) {
            try (NDManager step = manager.newSubManager()) {
                work.run(step);
            }
            int count = manager.getManagedArrays().size();
            if (i >= WARM_UP && count != expected) {
                throw new AssertionError(
                        "round " + i + " left " + count + " arrays on the manager, the rounds before " + expected);
            }
            expected = count;
        }
    }
}
