package io.github.maskalign.core.distributed.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.distributed.Launch;
import java.time.Duration;
import java.util.Locale;

/** Times sums over ranks: arguments are the number of floats, repetitions, and {@code whole} or {@code buckets}. */
public final class AllReduceRate {
    private AllReduceRate() {}

    /** Prints {@code seconds X} for each sum, on rank 0. */
    public static void main(String[] args) {
        try (Communicator ranks = MpiCommunicator.start(Launch.detect(System.getenv()), Duration.ofMinutes(5));
                NDManager manager = NDManager.newBaseManager()) {
            int count = Integer.parseInt(args[0]);
            GradientBuckets buckets = new GradientBuckets(ranks, GradientBuckets.DEFAULT_BYTES);
            NDArray whole = manager.ones(new Shape(count));
            for (int i = 0; i < Integer.parseInt(args[1]); i++) {
                ranks.barrier();
                long start = System.nanoTime();
                if (args[2].equals("whole")) {
                    ranks.allReduceSum(whole);
                } else {
                    try (NDManager step = manager.newSubManager()) {
                        NDList parts = new NDList(); // the size of a transformer block's matrices
                        for (int first = 0; first < count; first += 1 << 20) {
                            parts.add(whole.get(first + ":" + Math.min(count, first + (1 << 20)))); // views
                        }
                        buckets.sum(parts, step);
                    }
                }
                if (ranks.isRoot()) {
                    System.out.printf(Locale.ROOT, "seconds %.6f%n", (System.nanoTime() - start) * 1e-9);
                }
            }
        }
    }
}
