package io.github.maskalign.core.analysis;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/** Ranks and what is made of them. */
final class Ranks {
    private Ranks() {}

    /** Ranks from 1, ascending; equal values share the mean of their ranks. */
    static double[] average(double[] values) {
        int[] order = order(values);
        double[] ranks = new double[values.length];
        for (int from = 0; from < order.length; ) {
            int to = from + 1;
            while (to < order.length && values[order[to]] == values[order[from]]) {
                to++;
            }
            for (int i = from; i < to; i++) {
                ranks[order[i]] = (from + 1 + to) / 2.0;
            }
            from = to;
        }
        return ranks;
    }

    /** Indices by ascending value. */
    static int[] order(double[] values) {
        return IntStream.range(0, values.length)
                .boxed()
                .sorted(Comparator.comparingDouble((Integer i) -> values[i]))
                .mapToInt(Integer::intValue)
                .toArray();
    }

    /** Σ (t³ − t) over groups of t equal values. */
    static double ties(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        double sum = 0;
        for (int from = 0; from < sorted.length; ) {
            int to = from + 1;
            while (to < sorted.length && sorted[to] == sorted[from]) {
                to++;
            }
            double t = to - from;
            sum += t * t * t - t;
            from = to;
        }
        return sum;
    }

    /** Pearson's correlation; NaN where one side is constant. */
    static double correlation(double[] a, double[] b) {
        double meanA = Resampled.mean(a);
        double meanB = Resampled.mean(b);
        double ab = 0;
        double aa = 0;
        double bb = 0;
        for (int i = 0; i < a.length; i++) {
            ab += (a[i] - meanA) * (b[i] - meanB);
            aa += (a[i] - meanA) * (a[i] - meanA);
            bb += (b[i] - meanB) * (b[i] - meanB);
        }
        return aa == 0 || bb == 0 ? Double.NaN : Math.max(-1, Math.min(1, ab / Math.sqrt(aa * bb)));
    }

    /** Spearman's ρ: Pearson's correlation of the average ranks. */
    static double spearman(double[] a, double[] b) {
        return correlation(average(a), average(b));
    }
}
