package io.github.maskalign.core.analysis;

import org.apache.commons.statistics.distribution.BinomialDistribution;
import org.apache.commons.statistics.distribution.ChiSquaredDistribution;
import org.apache.commons.statistics.distribution.HypergeometricDistribution;
import org.apache.commons.statistics.distribution.NormalDistribution;
import org.apache.commons.statistics.distribution.TDistribution;

/** Tails and quantiles of the distributions that the statistics are compared with. */
final class Distributions {
    private static final NormalDistribution NORMAL = NormalDistribution.of(0, 1);
    /** Intervals of Simpson's rule; with 1 degree the integrand is steep near 0, and 4000 give 1e-9. */
    private static final int INTERVALS = 4000;

    private Distributions() {}

    static double normalQuantile(double p) {
        return NORMAL.inverseCumulativeProbability(p);
    }

    /** P(X ≥ least) of n trials. */
    static double binomialTail(int n, double p, int least) {
        return BinomialDistribution.of(n, p).survivalProbability(least - 1);
    }

    static double chiSquaredTail(double x, double freedom) {
        return ChiSquaredDistribution.of(freedom).survivalProbability(x);
    }

    static double chiSquaredQuantile(double p, double freedom) {
        return ChiSquaredDistribution.of(freedom).inverseCumulativeProbability(p);
    }

    static double studentTail(double t, double freedom) {
        return TDistribution.of(freedom).survivalProbability(t);
    }

    static double studentQuantile(double p, double freedom) {
        return TDistribution.of(freedom).inverseCumulativeProbability(p);
    }

    /**
     * P(T &gt; t) for T = (Z + shift) / √(V/f), V of χ² with f degrees: the mean of {@code P(Z > t √(V/f) − shift)} over V. It is
     * taken over the quantiles of χ = √V that hold all but 2·10⁻¹² of it.
     */
    static double noncentralTail(double t, int freedom, double shift) {
        ChiSquaredDistribution squared = ChiSquaredDistribution.of(freedom);
        double low = Math.sqrt(squared.inverseCumulativeProbability(1e-12));
        double high = Math.sqrt(squared.inverseSurvivalProbability(1e-12));
        double step = (high - low) / INTERVALS;
        double sum = 0;
        double weights = 0;
        for (int i = 0; i <= INTERVALS; i++) {
            double chi = low + i * step;
            int simpson = i == 0 || i == INTERVALS ? 1 : i % 2 == 1 ? 4 : 2;
            double density = simpson * 2 * chi * squared.density(chi * chi);
            weights += density;
            sum += density * NORMAL.survivalProbability(t * chi / Math.sqrt(freedom) - shift);
        }
        return sum / weights;
    }

    /** P(X ≥ least) for the number X that two sets of k out of n have in common. */
    static double commonTail(int n, int k, int least) {
        return HypergeometricDistribution.of(n, k, k).survivalProbability(least - 1);
    }

    static double commonProbability(int n, int k, int common) {
        return HypergeometricDistribution.of(n, k, k).probability(common);
    }
}
