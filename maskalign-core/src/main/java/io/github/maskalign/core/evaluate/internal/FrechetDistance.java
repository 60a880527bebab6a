package io.github.maskalign.core.evaluate.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The Fréchet distance of Gaussians fitted to features: FID and sFID when the features are Inception's.
 *
 * <pre>d = ‖μ₁ − μ₂‖² + tr Σ₁ + tr Σ₂ − 2 tr √(Σ₁Σ₂)</pre>
 *
 * <p>With Σ₁ = A Aᵀ, tr √(Σ₁Σ₂) is the sum of the roots of the eigenvalues of the symmetric Aᵀ Σ₂ A, which has no complex
 * parts and needs no full rank. A is Cholesky's factor, or has a column for each eigenvalue of Σ₁ that is not rounding
 * noise; it is computed once for many distances to the same set. All in float64. Equal statistics give 0 up to rounding, which may be below 0.
 *
 * <p>Source: Heusel et al. 2017 (arXiv 1706.08500), ADM's evaluator. Belongs to one thread.
 */
public final class FrechetDistance implements AutoCloseable {
    /** An eigenvalue below minus this share of the largest one is no rounding: float32 files give 1e-7. */
    private static final double NEGATIVE = 1e-3;

    private static final ScriptFunction TRIANGULAR = function("triangular");
    private static final ScriptFunction EIGEN = function("eigen");
    private static final ScriptFunction FACTOR = function("factor");
    private static final ScriptFunction TRACE_ROOT = function("trace_root");

    private final NDManager manager;
    private final FeatureStatistics reference;
    private final @Nullable NDArray factor;

    /**
     * Prepares distances to one set: a decomposition of D × D.
     *
     * @param parent the manager on whose device they are computed; closing it closes this
     * @throws IllegalArgumentException if the covariance of the set has negative eigenvalues, so is none
     */
    public FrechetDistance(NDManager parent, FeatureStatistics reference) {
        manager = parent.newSubManager();
        this.reference = reference;
        try {
            factor = factor();
        } catch (RuntimeException e) {
            manager.close();
            throw e;
        }
    }

    /** Returns the distance of two sets. */
    public static double between(NDManager manager, FeatureStatistics a, FeatureStatistics b) {
        try (FrechetDistance distance = new FrechetDistance(manager, a)) {
            return distance.to(b);
        }
    }

    /**
     * Returns the distance of another set to this one.
     *
     * @throws IllegalArgumentException if it has another number of features
     */
    public double to(FeatureStatistics other) {
        if (other.width() != reference.width()) {
            throw new IllegalArgumentException("the Fréchet distance needs equal numbers of features but they are "
                    + reference.width() + " and " + other.width());
        }
        double root = 0;
        if (factor != null) {
            try (GradMode off = GradMode.off();
                    NDManager scratch = manager.newSubManager();
                    NDArray trace = TRACE_ROOT.callForOne(factor, other.covariance(scratch))) {
                root = trace.getDouble();
            }
        }
        return reference.meanDistance(other) + reference.trace() + other.trace() - 2 * root;
    }

    /** Frees the native memory. */
    @Override
    public void close() {
        manager.close();
    }

    /** Cholesky's factor where the covariance has full rank, beyond doubt; else that of its eigenvectors. */
    private @Nullable NDArray factor() {
        try (GradMode off = GradMode.off();
                NDManager scratch = manager.newSubManager()) {
            NDArray covariance = reference.covariance(scratch);
            NDList triangular = TRIANGULAR.call(covariance);
            double[] pivots = triangular.get(1).toDoubleArray();
            double smallest = Arrays.stream(pivots).min().orElse(0);
            double largest = Arrays.stream(pivots).max().orElse(0);
            if (smallest * smallest > noise(largest * largest)) {
                NDArray factor = triangular.get(0);
                factor.attach(manager);
                return factor;
            }
            return eigenFactor(covariance);
        }
    }

    private @Nullable NDArray eigenFactor(NDArray covariance) {
        NDList eigen = EIGEN.call(covariance);
        double[] values = eigen.get(0).toDoubleArray(); // ascending
        int width = values.length;
        double largest = values[width - 1];
        if (values[0] < -NEGATIVE * Math.max(largest, 0)) {
            throw new IllegalArgumentException("a covariance must have no negative eigenvalues but has " + values[0]
                    + " next to the largest, " + largest);
        }
        int rank = 0;
        while (rank < width && values[width - 1 - rank] > noise(largest)) {
            rank++;
        }
        return rank == 0
                ? null
                : FACTOR.callOn(manager, eigen.get(0), eigen.get(1), rank).singletonOrThrow();
    }

    /** What rounding makes of an eigenvalue that is zero. */
    private double noise(double largest) {
        return reference.width() * Math.ulp(1.0) * largest;
    }

    private static ScriptFunction function(String name) {
        return ScriptFunction.of(FrechetDistance.class, "frechet.py", name);
    }
}
