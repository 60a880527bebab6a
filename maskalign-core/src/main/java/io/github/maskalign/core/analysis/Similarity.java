package io.github.maskalign.core.analysis;

import io.github.maskalign.core.analysis.Measured.Chance;
import io.github.maskalign.core.analysis.Measured.Resampling;
import io.github.maskalign.core.analysis.Resampled.Tail;
import java.util.Arrays;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * How alike two representations of the same pictures are: rows of features, (n, d1) and (n, d2), row i of both of picture i.
 *
 * <p>By chance the pictures of one side are permuted. Intervals come from <b>halves without repetition</b>: a bootstrap
 * draws pictures several times, and a picture's double is its nearest neighbour on both sides and adds the diagonal to the
 * unbiased estimator, so that bootstrapped values are far too high. The spread of a statistic over random halves, drawn without
 * repetition, is that of the whole sample's own error: {@code σ²/(n/2) · (1 − ½) = σ²/n} (half-sampling, McCarthy 1969). The
 * interval is {@code θ̂ − (q − mean)} with the upper and lower quantiles q of the halves; the mean is taken off because with k
 * fixed a half's neighbours are farther away.
 *
 * <p>Memory: two matrices of n² float64. A draw costs about n² operations.
 */
public final class Similarity {
    private Similarity() {}

    /**
     * Linear centred kernel alignment, HSIC(K, L) / √(HSIC(K, K) HSIC(L, L)) with K = A Aᵀ and L = B Bᵀ (Kornblith et al. 2019).
     *
     * @param biased with {@code HSIC = tr(K H L H)}: in [0, 1], but near 1 for any features wider than n
     * @param unbiased with {@code HSIC = (tr(K̃L̃) + 1ᵀK̃1 1ᵀL̃1 / ((n−1)(n−2)) − 2/(n−2) 1ᵀK̃L̃1) / (n(n−3))}, K̃ without its
     *     diagonal (Song et al. 2012, Eq. 5): 0 on average for unrelated features, and so at times below 0
     */
    public record Alignment(Measured biased, Measured unbiased) {}

    /**
     * Alikeness of the k nearest neighbours by cosine (Huh et al. 2024, minyoungg/platonic-rep metrics.py).
     *
     * @param mutual mean share of each picture's k neighbours that it has on both sides, in [0, 1]; k / (n − 1) by chance
     * @param cknna unbiased CKA of the cosines, all set to 0 but those of neighbours on both sides, relative to each side with
     *     itself; REPA's measure, there with k = 10. NaN where the two sides have no such pairs
     */
    public record Neighbours(Measured mutual, Measured cknna) {}

    /**
     * Returns CKA.
     *
     * @param a (n, d1), n at least 8
     * @param b (n, d2)
     * @throws IllegalArgumentException if a number is not finite, or all rows of one side are equal
     */
    public static Alignment cka(float[][] a, float[][] b, Resampling resampling) {
        checkRows(a, b);
        double[][] k = Gram.ofCentred(a);
        double[][] l = Gram.ofCentred(b);
        checkNotConstant("a", k);
        checkNotConstant("b", l);
        int[] all = IntStream.range(0, a.length).toArray();
        double[] selfK = Gram.hsic(k, k, all, all);
        double[] selfL = Gram.hsic(l, l, all, all);
        double[] values = Gram.ratios(Gram.hsic(k, l, all, all), selfK, selfL);
        double[][] halves = halves(
                resampling,
                all,
                rows -> Gram.ratios(
                        Gram.hsic(k, l, rows, rows), Gram.hsic(k, k, rows, rows), Gram.hsic(l, l, rows, rows)));
        double[][] permuted = Resampled.draw(
                resampling,
                "permuted",
                random -> Gram.ratios(Gram.hsic(k, l, all, Resampled.permutation(random, all.length)), selfK, selfL));
        return new Alignment(
                measured(values[0], halves, permuted, 0, resampling.level(), 0),
                measured(values[1], halves, permuted, 1, resampling.level(), -1));
    }

    /**
     * Returns mutual k-NN and CKNNA.
     *
     * @param a (n, d1), n at least 8; no row may be zero
     * @param b (n, d2)
     * @param k number of neighbours, at least 2 and less than n / 2
     */
    public static Neighbours neighbours(float[][] a, float[][] b, int k, Resampling resampling) {
        checkRows(a, b);
        if (k < 2 || 2 * k >= a.length) {
            throw new IllegalArgumentException(
                    "k must be at least 2 and less than half of the " + a.length + " rows but was " + k);
        }
        double[][] cosA = Gram.ofCosines("a", a);
        double[][] cosB = Gram.ofCosines("b", b);
        int[] all = IntStream.range(0, a.length).toArray();
        int[][] nearA = Gram.nearest(cosA, all, k);
        int[][] nearB = Gram.nearest(cosB, all, k);
        double selfA = Gram.masked(cosA, cosA, nearA, nearA, all, all);
        double selfB = Gram.masked(cosB, cosB, nearB, nearB, all, all);
        double mutual = Gram.shared(nearA, nearB);
        double cknna = ratio(Gram.masked(cosA, cosB, nearA, nearB, all, all), selfA, selfB);

        double[][] halves = halves(resampling, all, rows -> {
            int[][] halfA = Gram.nearest(cosA, rows, k);
            int[][] halfB = Gram.nearest(cosB, rows, k);
            return new double[] {
                Gram.shared(halfA, halfB),
                ratio(
                        Gram.masked(cosA, cosB, halfA, halfB, rows, rows),
                        Gram.masked(cosA, cosA, halfA, halfA, rows, rows),
                        Gram.masked(cosB, cosB, halfB, halfB, rows, rows))
            };
        });
        double[][] permuted = Resampled.draw(resampling, "permuted", random -> {
            int[] order = Resampled.permutation(random, all.length);
            int[][] moved = renamed(nearB, order);
            return new double[] {
                Gram.shared(nearA, moved), ratio(Gram.masked(cosA, cosB, nearA, moved, all, order), selfA, selfB)
            };
        });
        return new Neighbours(
                measured(mutual, halves, permuted, 0, resampling.level(), 0),
                measured(cknna, halves, permuted, 1, resampling.level(), Double.NEGATIVE_INFINITY));
    }

    /** Neighbours of row i among the rows order[0], order[1], …, by their place in that order. */
    private static int[][] renamed(int[][] near, int[] order) {
        int[] place = new int[order.length];
        for (int i = 0; i < order.length; i++) {
            place[order[i]] = i;
        }
        int[][] moved = new int[order.length][];
        for (int i = 0; i < order.length; i++) {
            moved[i] = Arrays.stream(near[order[i]]).map(j -> place[j]).sorted().toArray();
        }
        return moved;
    }

    private static double ratio(double both, double selfA, double selfB) {
        double norm = selfA * selfB;
        return norm > 0 ? both / Math.sqrt(norm) : Double.NaN;
    }

    private static double[][] halves(Resampling resampling, int[] all, Function<int[], double[]> statistics) {
        return Resampled.draw(resampling, "halves of rows", random -> {
            int[] rows = all.clone();
            Resampled.shuffle(random, rows, rows.length / 2);
            return statistics.apply(Arrays.copyOf(rows, rows.length / 2));
        });
    }

    private static Measured measured(
            double value, double[][] halves, double[][] permuted, int column, double level, double least) {
        double[] again = Resampled.sorted(Resampled.column(halves, column));
        double shift = value - Resampled.mean(again);
        Measured interval =
                Resampled.basic(value, Arrays.stream(again).map(x -> x + shift).toArray(), level, least, 1);
        Chance chance = Resampled.chance(value, Resampled.column(permuted, column), level, Tail.UPPER);
        return interval.withChance(chance);
    }

    private static void checkRows(float[][] a, float[][] b) {
        if (a.length != b.length || a.length < 8) {
            throw new IllegalArgumentException("both sides must have equally many rows, at least 8, but they have "
                    + a.length + " and " + b.length);
        }
        Gram.checkFeatures("a", a);
        Gram.checkFeatures("b", b);
    }

    private static void checkNotConstant(String name, double[][] gram) {
        double trace = 0;
        for (int i = 0; i < gram.length; i++) {
            trace += gram[i][i];
        }
        if (trace == 0) {
            throw new IllegalArgumentException("all rows of " + name + " are equal: they are alike to nothing");
        }
    }
}
