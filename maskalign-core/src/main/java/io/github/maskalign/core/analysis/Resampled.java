package io.github.maskalign.core.analysis;

import io.github.maskalign.core.analysis.Measured.Chance;
import io.github.maskalign.core.analysis.Measured.Resampling;
import io.github.maskalign.core.random.internal.SplitMix64;
import java.util.Arrays;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/** Intervals and chance from random draws. Draws are numbered, so threads do not matter to the numbers. */
final class Resampled {
    private Resampled() {}

    /** Which draws of chance count as at least as extreme as the value. */
    enum Tail {
        UPPER,
        LOWER
    }

    /** The statistic of {@code draws} resamples of n rows with repetition. */
    static double[] replicate(Resampling resampling, String purpose, int n, ToDoubleFunction<int[]> statistic) {
        return column(replicateAll(resampling, purpose, n, rows -> new double[] {statistic.applyAsDouble(rows)}), 0);
    }

    /** The statistics of {@code draws} resamples of n rows with repetition, (draws, statistics). */
    static double[][] replicateAll(Resampling resampling, String purpose, int n, Function<int[], double[]> statistics) {
        return draw(resampling, purpose, random -> statistics.apply(rows(random, n)));
    }

    /** What a function makes of each draw's generator, (draws, numbers). */
    static double[][] draw(Resampling resampling, String purpose, Function<SplitMix64, double[]> made) {
        return IntStream.range(0, resampling.draws())
                .parallel()
                .mapToObj(draw -> made.apply(resampling.at(purpose, draw)))
                .toArray(double[][]::new);
    }

    static double[] column(double[][] rows, int index) {
        return Arrays.stream(rows).mapToDouble(row -> row[index]).toArray();
    }

    /** n rows of [0, n), with repetition. */
    static int[] rows(SplitMix64 random, int n) {
        int[] rows = new int[n];
        for (int i = 0; i < n; i++) {
            rows[i] = random.nextInt(n);
        }
        return rows;
    }

    /** A random order of [0, n); its first k are a random set of k. */
    static int[] permutation(SplitMix64 random, int n) {
        int[] order = IntStream.range(0, n).toArray();
        shuffle(random, order, n);
        return order;
    }

    /** Puts a random set of k elements, in random order, to the front. */
    static void shuffle(SplitMix64 random, int[] order, int k) {
        for (int i = 0; i < Math.min(k, order.length - 1); i++) {
            int j = i + random.nextInt(order.length - i);
            int moved = order[i];
            order[i] = order[j];
            order[j] = moved;
        }
    }

    /** The basic interval within [least, most]; resamples for which the statistic does not exist (NaN) are left out. */
    static Measured basic(double value, double[] replicates, double level, double least, double most) {
        double[] sorted = sorted(replicates);
        if (Double.isNaN(value) || sorted.length < 2) {
            return new Measured(value, Double.NaN, Double.NaN, Double.NaN, Optional.empty());
        }
        double a = (1 - level) / 2;
        double low = Math.min(most, Math.max(least, 2 * value - quantile(sorted, 1 - a)));
        double high = Math.min(most, Math.max(least, 2 * value - quantile(sorted, a)));
        return new Measured(value, Math.sqrt(variance(sorted)), low, high, Optional.empty());
    }

    /** As {@link #basic} for a ratio of at least 1, in logarithms. */
    static Measured basicRatio(double value, double[] replicates, double level) {
        double[] logs = Arrays.stream(replicates).map(Math::log).toArray();
        Measured inLogs = basic(Math.log(value), logs, level, 0, Double.POSITIVE_INFINITY);
        double error = Math.sqrt(variance(sorted(replicates)));
        return new Measured(value, error, Math.exp(inLogs.low()), Math.exp(inLogs.high()), Optional.empty());
    }

    static Chance chance(double value, double[] draws, double level, Tail tail) {
        double[] sorted = sorted(draws);
        if (sorted.length < 2) {
            return new Chance(Double.NaN, Double.NaN, Double.NaN, Double.NaN, 1);
        }
        // sums of another order may differ in their last bits: what is equal but for them is as extreme
        double slack = 1e-12 * Math.max(1, Math.abs(value));
        long extreme = Arrays.stream(sorted)
                .filter(draw -> tail == Tail.UPPER ? draw >= value - slack : draw <= value + slack)
                .count();
        double a = (1 - level) / 2;
        return new Chance(
                mean(sorted),
                Math.sqrt(variance(sorted)),
                quantile(sorted, a),
                quantile(sorted, 1 - a),
                (1.0 + extreme) / (1.0 + sorted.length));
    }

    static double mean(double[] values) {
        double sum = 0;
        for (double value : values) {
            sum += value;
        }
        return sum / values.length;
    }

    /** Σ (x − x̄)² / (n − 1). */
    static double variance(double[] values) {
        double mean = mean(values);
        double sum = 0;
        for (double value : values) {
            sum += (value - mean) * (value - mean);
        }
        return sum / (values.length - 1);
    }

    /** Linear between order statistics, as NumPy's default (Hyndman and Fan 1996, type 7). */
    static double quantile(double[] sorted, double p) {
        double place = p * (sorted.length - 1);
        int below = (int) Math.floor(place);
        int above = Math.min(below + 1, sorted.length - 1);
        return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
    }

    static double[] sorted(double[] values) {
        return Arrays.stream(values).filter(v -> !Double.isNaN(v)).sorted().toArray();
    }
}
