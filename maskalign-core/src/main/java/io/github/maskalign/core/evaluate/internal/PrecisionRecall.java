package io.github.maskalign.core.evaluate.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.evaluate.Evaluation.Estimate;
import io.github.maskalign.core.script.ScriptFunction;

/**
 * Precision and recall of samples by the neighbourhoods of features.
 *
 * <p>The radius of a point is its distance to the k-th nearest other point of its own set. Precision is the share of
 * samples that lie within the radius of at least one reference point, recall the share of reference points within the
 * radius of at least one sample. Distances are squared Euclidean, ‖u‖² − 2u·v + ‖v‖² clamped at 0, in float32. (ADM's
 * evaluator computes them in float16 first, which moves its figures by up to about 0.005.)
 *
 * <p>Distances are computed block by block, each product used both ways, so memory is that of the features and a few
 * blocks of 16 MB. Work: N²/2 + M²/2 + NM products of D.
 *
 * <p>The errors are those of a bootstrap over the points whose share is counted, with the neighbourhoods as they are.
 *
 * <p>Source: Kynkäänniemi et al. 2019 (arXiv 1904.06991), {@code ManifoldEstimator} of ADM's evaluator.
 *
 * @param precision share of samples near the reference
 * @param recall share of the reference near samples
 * @param samplesCovered samples within a reference point's radius
 * @param referenceCovered reference points within a sample's radius
 */
public record PrecisionRecall(Estimate precision, Estimate recall, long samplesCovered, long referenceCovered) {
    /** Neighbours k that ADM's evaluator uses. */
    public static final int NEIGHBOURS = 3;

    private static final ScriptFunction NORMS = function("squared_norms");
    private static final ScriptFunction WITHIN = function("within");
    private static final ScriptFunction JOIN_BOTH = function("join_both");
    private static final ScriptFunction COVERED = function("covered");

    /**
     * Compares two sets of features.
     *
     * @param manager on whose device it is computed, that of the features; nothing stays there
     * @param neighbours k, at least 1
     * @throws IllegalArgumentException if the sets have other numbers of features, or one has no k + 1 points
     */
    public static PrecisionRecall of(
            NDManager manager, FeatureMatrix reference, FeatureMatrix samples, int neighbours) {
        if (neighbours < 1) {
            throw new IllegalArgumentException("neighbours must be at least 1 but was " + neighbours);
        }
        if (reference.width() != samples.width()) {
            throw new IllegalArgumentException(
                    "precision and recall need equal numbers of features but the reference has " + reference.width()
                            + " and the samples have " + samples.width());
        }
        requirePoints("reference", reference, neighbours);
        requirePoints("samples", samples, neighbours);
        try (GradMode off = GradMode.off();
                NDManager scratch = manager.newSubManager()) {
            Points there = new Points(scratch, reference);
            Points made = new Points(scratch, samples);
            there.findRadii(neighbours);
            made.findRadii(neighbours);
            made.cover(there);
            long samplesCovered = made.covered();
            long referenceCovered = there.covered();
            return new PrecisionRecall(
                    Estimate.share(samplesCovered, samples.size(), "samples"),
                    Estimate.share(referenceCovered, reference.size(), "reference pictures"),
                    samplesCovered,
                    referenceCovered);
        }
    }

    private static void requirePoints(String what, FeatureMatrix set, int neighbours) {
        if (set.size() <= neighbours) {
            throw new IllegalArgumentException("precision and recall with " + neighbours + " neighbours need at least "
                    + (neighbours + 1) + " points but the " + what + " has " + set.size());
        }
    }

    /** A set, block by block: features, norms, radii, and whether something covers each point. */
    private static final class Points {
        private final NDManager manager;
        private final NDList features = new NDList();
        private final NDList norms = new NDList();
        private final NDList radii = new NDList();
        private final NDList covered = new NDList();

        Points(NDManager manager, FeatureMatrix set) {
            this.manager = manager;
            for (int b = 0; b < set.blocks(); b++) {
                NDArray block = set.block(manager, b); // (B, D)
                features.add(block);
                norms.add(NORMS.callOn(manager, block).singletonOrThrow()); // (B)
                covered.add(manager.zeros(new Shape(block.getShape().get(0)), DataType.BOOLEAN));
            }
        }

        /** The smallest k + 1 distances of each point, itself included; the last of them is its radius. */
        void findRadii(int neighbours) {
            int count = neighbours + 1;
            NDArray[] best = new NDArray[features.size()]; // each (B, up to k + 1)
            for (int i = 0; i < best.length; i++) {
                best[i] = WITHIN.callOn(manager, features.get(i), norms.get(i), count)
                        .singletonOrThrow();
            }
            for (int i = 0; i < best.length; i++) {
                for (int j = i + 1; j < best.length; j++) {
                    NDList joined = JOIN_BOTH.callOn(
                            manager,
                            features.get(i),
                            features.get(j),
                            norms.get(i),
                            norms.get(j),
                            best[i],
                            best[j],
                            count);
                    best[i].close();
                    best[j].close();
                    best[i] = joined.get(0);
                    best[j] = joined.get(1);
                }
                radii.add(best[i].get(":, " + neighbours).duplicate()); // (B)
            }
        }

        void cover(Points others) {
            for (int i = 0; i < features.size(); i++) {
                for (int j = 0; j < others.features.size(); j++) {
                    COVERED.call(
                                    features.get(i),
                                    others.features.get(j),
                                    norms.get(i),
                                    others.norms.get(j),
                                    radii.get(i),
                                    others.radii.get(j),
                                    covered.get(i),
                                    others.covered.get(j))
                            .close();
                }
            }
        }

        long covered() {
            long sum = 0;
            for (NDArray block : covered) {
                for (boolean hit : block.toBooleanArray()) {
                    sum += hit ? 1 : 0;
                }
            }
            return sum;
        }
    }

    private static ScriptFunction function(String name) {
        return ScriptFunction.of(PrecisionRecall.class, "neighbours.py", name);
    }
}
