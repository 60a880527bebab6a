package io.github.maskalign.core.evaluate.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.evaluate.Evaluation.Estimate;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The Inception Score of pictures that come in batches.
 *
 * <pre>IS = mean over splits of exp( mean_n Σ_k p_nk (log p_nk − log p̄_k) ),   p = softmax of the logits</pre>
 *
 * <p>Splits are consecutive: pictures 0 to 4999 are the first one of 5,000, and the last may be shorter. The order of the
 * pictures matters a little. There is no epsilon in the logarithms; p log p is 0 at p = 0. Sums are float64 where ADM's
 * are float32.
 *
 * <p>Source: Salimans et al. 2016 (arXiv 1606.03498), {@code compute_inception_score} of ADM's evaluator, whose logits
 * leave the bias out. Belongs to one thread.
 */
public final class InceptionScore {
    /** Pictures of a split in ADM's evaluator. */
    public static final int SPLIT = 5_000;

    private static final ScriptFunction SUMS =
            ScriptFunction.of(InceptionScore.class, "inception_score.py", "score_sums");

    private final int splitSize;
    private final double[] sumP;
    private double sumPLogP;
    private int inSplit;
    private final List<Double> scores = new ArrayList<>();

    /**
     * Creates a score of no pictures.
     *
     * @param classes number of classes, at least 2
     * @param splitSize pictures of a split, at least 1
     */
    public InceptionScore(int classes, int splitSize) {
        if (classes < 2 || splitSize < 1) {
            throw new IllegalArgumentException(
                    "classes must be at least 2 and splitSize at least 1 but were " + classes + " and " + splitSize);
        }
        sumP = new double[classes];
        this.splitSize = splitSize;
    }

    /**
     * Adds pictures.
     *
     * @param logits (N, C), float32, in the order of the pictures
     * @throws IllegalArgumentException if they have another shape or type, or hold a number that is not finite
     */
    public void add(NDArray logits) {
        FeatureAccumulator.requireRows(logits, sumP.length);
        long total = logits.getShape().get(0);
        long at = 0;
        while (at < total) {
            long end = Math.min(total, at + splitSize - inSplit);
            try (NDArray part = logits.get(at + ":" + end)) {
                addWithinSplit(part);
            }
            inSplit += (int) (end - at);
            at = end;
            if (inSplit == splitSize) {
                scores.add(score());
                Arrays.fill(sumP, 0);
                sumPLogP = 0;
                inSplit = 0;
            }
        }
    }

    /** Returns the number of pictures. */
    public long count() {
        return (long) scores.size() * splitSize + inSplit;
    }

    /**
     * Returns the mean over the splits, with their standard deviation as error if there are several.
     *
     * @throws IllegalStateException if there are no pictures
     */
    public Estimate estimate() {
        if (count() == 0) {
            throw new IllegalStateException("an Inception Score needs at least 1 picture but there are none");
        }
        List<Double> all = new ArrayList<>(scores);
        if (inSplit > 0) {
            all.add(score());
        }
        double[] parts = all.stream().mapToDouble(Double::doubleValue).toArray();
        return Estimate.overParts(parts, "splits of " + splitSize);
    }

    private void addWithinSplit(NDArray part) {
        try (GradMode off = GradMode.off();
                NDList sums = SUMS.call(part)) {
            double[] p = sums.get(0).toDoubleArray();
            for (int k = 0; k < p.length; k++) {
                sumP[k] += p[k];
            }
            sumPLogP += sums.get(1).getDouble();
        }
    }

    /** exp( mean Σ p log p − Σ p̄ log p̄ ). */
    private double score() {
        double entropy = 0;
        for (double sum : sumP) {
            double mean = sum / inSplit;
            entropy -= mean > 0 ? mean * Math.log(mean) : 0;
        }
        return Math.exp(sumPLogP / inSplit + entropy);
    }
}
