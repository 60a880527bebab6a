package io.github.maskalign.core.evaluate.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.internal.OwnedArrays;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;

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
}
