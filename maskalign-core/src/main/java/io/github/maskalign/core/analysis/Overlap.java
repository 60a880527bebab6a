package io.github.maskalign.core.analysis;

import io.github.maskalign.core.analysis.Measured.Chance;
import java.util.Arrays;
import java.util.function.DoubleUnaryOperator;

/** What the k highest positions of two maps have in common. */
final class Overlap {
    private Overlap() {}

    /** Σ a_i b_i of memberships in [0, 1] that add up to k; a whole number where no value is equal at the k-th place. */
    static double common(double[] a, double[] b, int k) {
        double[] x = membership(a, k);
        double[] y = membership(b, k);
        double sum = 0;
        for (int i = 0; i < x.length; i++) {
            sum += x[i] * y[i];
        }
        return sum;
    }

    /** |A ∩ B| / |A ∪ B| of sets of k. */
    static double jaccard(double common, int k) {
        return common / (2 * k - common);
    }

    private static double[] membership(double[] map, int k) {
        double[] sorted = map.clone();
        Arrays.sort(sorted);
        double last = sorted[sorted.length - k];
        long above = Arrays.stream(map).filter(v -> v > last).count();
        long equal = Arrays.stream(map).filter(v -> v == last).count();
        double share = (double) (k - above) / equal;
        return Arrays.stream(map).map(v -> v > last ? 1 : v == last ? share : 0).toArray();
    }

    /** Chance of a rising function of the number in common, which is hypergeometric for random sets. */
    static Chance chance(int n, int k, double common, double level, DoubleUnaryOperator statistic) {
        double mean = 0;
        double squares = 0;
        double below = 0;
        double a = (1 - level) / 2;
        double low = Double.NaN;
        double high = Double.NaN;
        for (int x = Math.max(0, 2 * k - n); x <= k; x++) {
            double p = Distributions.commonProbability(n, k, x);
            double s = statistic.applyAsDouble(x);
            mean += p * s;
            squares += p * s * s;
            below += p;
            low = Double.isNaN(low) && below >= a ? s : low;
            high = Double.isNaN(high) && below >= 1 - a ? s : high;
        }
        int least = (int) Math.ceil(common - 1e-9);
        return new Chance(
                mean, Math.sqrt(Math.max(0, squares - mean * mean)), low, high, Distributions.commonTail(n, k, least));
    }
}
