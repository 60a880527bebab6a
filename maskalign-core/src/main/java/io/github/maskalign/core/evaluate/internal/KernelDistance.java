package io.github.maskalign.core.evaluate.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.evaluate.Evaluation.Estimate;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.Draws.RandomStream;
import io.github.maskalign.core.random.internal.SplitMix64;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.BitSet;

/**
 * The kernel distance of two sets: KID when the features are Inception's.
 *
 * <pre>k(x, y) = (x·y / D + 1)³
 * MMD² = mean_{i≠j} k(x_i, x_j) + mean_{i≠j} k(y_i, y_j) − 2 mean_{ij} k(x_i, y_j)</pre>
 *
 * <p>Its expectation does not depend on the number of pictures, unlike FID's; for equal distributions it is 0, and an
 * estimate may be below. It is the mean over random subsets, without replacement inside one, and its error their standard
 * deviation. All in float64.
 *
 * <p>Source: Bińkowski et al. 2018 (arXiv 1801.01401).
 *
 * @param subsets number of subsets, at least 1
 * @param subsetSize pictures of a subset from each set, at least 2; the smaller set if that has less
 * @param seed seed of the subsets
 */
public record KernelDistance(int subsets, int subsetSize, long seed) {
    /** A hundred subsets of 1,000, as is usual. */
    public static final KernelDistance USUAL = new KernelDistance(100, 1_000, 0);

    private static final ScriptFunction SQUARED_DISCREPANCY =
            ScriptFunction.of(KernelDistance.class, "kernel.py", "squared_discrepancy");

    /** Checks the ranges. */
    public KernelDistance {
        if (subsets < 1 || subsetSize < 2) {
            throw new IllegalArgumentException(
                    "subsets must be at least 1 and subsetSize at least 2 but were " + subsets + " and " + subsetSize);
        }
    }

    /**
     * Returns the distance of two sets.
     *
     * @param manager on whose device it is computed, that of the features; nothing stays there
     * @throws IllegalArgumentException if the sets have other numbers of features, or one has less than 2 points
     */
    public Estimate between(NDManager manager, FeatureMatrix reference, FeatureMatrix samples) {
        if (reference.width() != samples.width()) {
            throw new IllegalArgumentException("the kernel distance needs equal numbers of features but they are "
                    + reference.width() + " and " + samples.width());
        }
        int size = Math.min(subsetSize, Math.min(reference.size(), samples.size()));
        if (size < 2) {
            throw new IllegalArgumentException(
                    "the kernel distance needs at least 2 pictures of each set but there are " + reference.size()
                            + " and " + samples.size());
        }
        Draws draws = new Draws(seed);
        double[] parts = new double[subsets];
        for (int s = 0; s < subsets; s++) {
            SplitMix64 random = draws.at(RandomStream.SUBSET, s);
            try (NDManager scratch = manager.newSubManager()) {
                NDArray x = reference.rows(scratch, choose(random, reference.size(), size));
                NDArray y = samples.rows(scratch, choose(random, samples.size(), size));
                parts[s] = squaredDiscrepancy(x, y);
            }
        }
        return Estimate.overParts(parts, "subsets of " + size);
    }

    /** MMD² of all of these rows (N, D) and (M, D). */
    public static double squaredDiscrepancy(NDArray x, NDArray y) {
        try (GradMode off = GradMode.off();
                NDArray value = SQUARED_DISCREPANCY.callForOne(x, y)) {
            return value.getDouble();
        }
    }

    /** Numbers of [0, total), ascending, each subset equally likely (Floyd's algorithm). */
    private static int[] choose(SplitMix64 random, int total, int count) {
        BitSet chosen = new BitSet(total);
        for (int last = total - count; last < total; last++) {
            int candidate = random.nextInt(last + 1);
            chosen.set(chosen.get(candidate) ? last : candidate);
        }
        return chosen.stream().toArray();
    }
}
