package io.github.maskalign.core.evaluate.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.script.ScriptFunction;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Mean and covariance of the features of a set of pictures, float64. It does not change.
 *
 * <pre>mean = Σ x / N,   covariance = Σ (x − mean)(x − mean)ᵀ / (N − 1)</pre>
 *
 * <p>Source: {@code np.mean} and {@code np.cov(rowvar=False)} of ADM's evaluator, there the mean in float32.
 */
public final class FeatureStatistics {
    /** How far two halves of a covariance may differ, relative to its largest entry: float32 rounding. */
    private static final double ASYMMETRY = 1e-6;

    private final long count;
    private final double[] mean;
    private final double[] covariance;

    /** The arrays belong to the statistics from here on. */
    FeatureStatistics(long count, double[] mean, double[] covariance) {
        int width = mean.length;
        if (count < 0) {
            throw new IllegalArgumentException("count must be at least 0 but was " + count);
        }
        if (width == 0 || covariance.length != (long) width * width) {
            throw new IllegalArgumentException("a mean of " + width + " features needs a covariance of " + width + " x "
                    + width + " but it has " + covariance.length + " numbers");
        }
        requireFinite("mean", mean);
        requireFinite("covariance", covariance);
        this.count = count;
        this.mean = mean;
        this.covariance = covariance;
    }

    /**
     * Returns statistics computed elsewhere; the arrays are copied.
     *
     * @param count pictures they were taken from; 0 if that is not known
     * @param mean (D)
     * @param covariance (D, D), row-major
     * @throws IllegalArgumentException if the sizes do not fit, a number is not finite, or the covariance is not
     *     symmetric with a diagonal of at least 0
     */
    public static FeatureStatistics of(long count, double[] mean, double[] covariance) {
        FeatureStatistics statistics = new FeatureStatistics(count, mean.clone(), covariance.clone());
        statistics.requireSymmetric();
        return statistics;
    }

    /** Returns how many pictures the statistics were taken from; 0 if that is not known. */
    public long count() {
        return count;
    }

    /** Returns the number of features D. */
    public int width() {
        return mean.length;
    }

    /** Returns a copy of the mean, (D). */
    public double[] mean() {
        return mean.clone();
    }

    /** Returns a copy of the covariance, (D, D) row-major. */
    public double[] covariance() {
        return covariance.clone();
    }

    /** ‖mean − other mean‖². */
    double meanDistance(FeatureStatistics other) {
        double sum = 0;
        for (int i = 0; i < mean.length; i++) {
            sum += (mean[i] - other.mean[i]) * (mean[i] - other.mean[i]);
        }
        return sum;
    }

    /** The sum of the variances. */
    double trace() {
        double sum = 0;
        for (int i = 0; i < mean.length; i++) {
            sum += covariance[i * mean.length + i];
        }
        return sum;
    }

    /** The covariance as an array (D, D), float64. */
    public NDArray covariance(NDManager manager) {
        return array(manager, covariance, new Shape(mean.length, mean.length));
    }

    static NDArray array(NDManager manager, double[] values, Shape shape) {
        try {
            return OwnedArrays.create(
                    manager, shape, DataType.FLOAT64, m -> m.asDoubleBuffer().put(values));
        } catch (IOException e) { // filling from memory reads no file
            throw new UncheckedIOException(e);
        }
    }

    private static void requireFinite(String what, double[] values) {
        for (int i = 0; i < values.length; i++) {
            if (!Double.isFinite(values[i])) {
                throw new IllegalArgumentException(
                        "the " + what + " of features must be finite but number " + i + " is " + values[i]);
            }
        }
    }

    private void requireSymmetric() {
        int width = mean.length;
        double largest = 0;
        for (double c : covariance) {
            largest = Math.max(largest, Math.abs(c));
        }
        for (int i = 0; i < width; i++) {
            double own = covariance[i * width + i];
            if (own < 0) {
                throw new IllegalArgumentException(
                        "a variance must be at least 0 but that of feature " + i + " is " + own);
            }
            for (int j = 0; j < i; j++) {
                double a = covariance[i * width + j];
                double b = covariance[j * width + i];
                if (Math.abs(a - b) > ASYMMETRY * largest) {
                    throw new IllegalArgumentException("a covariance must be symmetric but holds " + a + " at (" + i
                            + ", " + j + ") and " + b + " at (" + j + ", " + i + ")");
                }
            }
        }
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof FeatureStatistics s
                && s.count == count
                && Arrays.equals(s.mean, mean)
                && Arrays.equals(s.covariance, covariance);
    }

    @Override
    public int hashCode() {
        return 31 * Long.hashCode(count) + Arrays.hashCode(mean);
    }

    @Override
    public String toString() {
        return "statistics of " + mean.length + " features of " + (count == 0 ? "unknown" : count) + " pictures";
    }

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
    public static final class FrechetDistance implements AutoCloseable {
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
}
