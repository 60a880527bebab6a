package io.github.maskalign.core.analysis;

import io.github.maskalign.core.analysis.Measured.Chance;
import io.github.maskalign.core.analysis.Measured.Resampling;
import io.github.maskalign.core.analysis.Resampled.Tail;
import java.util.Arrays;

/** How far pictures agree about positions: Kendall's W of the ranks, and the share of variance that the position explains. */
final class PictureRanks {
    private PictureRanks() {}

    static Measured kendall(double[][] scores, Resampling resampling) {
        int pictures = scores.length;
        int positions = scores[0].length;
        double[][] ranks = Arrays.stream(scores).map(Ranks::average).toArray(double[][]::new);
        double[] ties = Arrays.stream(scores).mapToDouble(Ranks::ties).toArray();
        int[] all = new int[pictures];
        Arrays.setAll(all, i -> i);
        double value = kendall(ranks, ties, all);
        double[] replicates = Resampled.replicate(resampling, "kendall", pictures, rows -> kendall(ranks, ties, rows));
        Measured found = Resampled.basic(value, replicates, resampling.level(), 0, 1);
        double freedom = positions - 1.0;
        double scale = pictures * freedom;
        double a = (1 - resampling.level()) / 2;
        return found.withChance(new Chance(
                1.0 / pictures,
                Math.sqrt(2 * freedom) / scale,
                Distributions.chiSquaredQuantile(a, freedom) / scale,
                Distributions.chiSquaredQuantile(1 - a, freedom) / scale,
                Double.isNaN(value) ? 1 : Distributions.chiSquaredTail(value * scale, freedom)));
    }

    /** 12 Σ (R_i − R̄)² / (M² (N³ − N) − M Σ ties). */
    private static double kendall(double[][] ranks, double[] ties, int[] rows) {
        double n = ranks[0].length;
        double m = rows.length;
        double[] sums = new double[ranks[0].length];
        double tied = 0;
        for (int row : rows) {
            for (int i = 0; i < sums.length; i++) {
                sums[i] += ranks[row][i];
            }
            tied += ties[row];
        }
        double mean = m * (n + 1) / 2;
        double squares = 0;
        for (double sum : sums) {
            squares += (sum - mean) * (sum - mean);
        }
        double most = m * m * (n * n * n - n) - m * tied;
        return most <= 0 ? Double.NaN : 12 * squares / most;
    }

    /** η² of ln g after subtracting each picture's mean over the positions it shows. */
    static Measured share(double[][] scores, int[][] seen, Resampling resampling) {
        double[][] centred = new double[scores.length][];
        for (int m = 0; m < scores.length; m++) {
            double[] logs = new double[seen[m].length];
            for (int j = 0; j < logs.length; j++) {
                double g = scores[m][seen[m][j]];
                if (!(g > 0)) {
                    throw new IllegalArgumentException("the position share takes logarithms: score of picture " + m
                            + " at position " + seen[m][j] + " must be above 0 but was " + g);
                }
                logs[j] = Math.log(g);
            }
            double mean = Resampled.mean(logs);
            Arrays.setAll(logs, j -> logs[j] - mean);
            centred[m] = logs;
        }
        int positions = scores[0].length;
        int[] all = new int[scores.length];
        Arrays.setAll(all, i -> i);
        double value = share(centred, seen, all, positions);
        double[] replicates =
                Resampled.replicate(resampling, "share", scores.length, rows -> share(centred, seen, rows, positions));
        double[][] draws = Resampled.draw(resampling, "share by chance", random -> {
            double[][] moved = new double[centred.length][];
            for (int m = 0; m < moved.length; m++) {
                double[] row = centred[m];
                int[] order = Resampled.permutation(random, row.length);
                moved[m] = new double[row.length];
                for (int j = 0; j < row.length; j++) {
                    moved[m][j] = row[order[j]];
                }
            }
            return new double[] {share(moved, seen, all, positions)};
        });
        return Resampled.basic(value, replicates, resampling.level(), 0, 1)
                .withChance(Resampled.chance(value, Resampled.column(draws, 0), resampling.level(), Tail.UPPER));
    }

    private static double share(double[][] centred, int[][] seen, int[] rows, int positions) {
        double[] sums = new double[positions];
        int[] views = new int[positions];
        double total = 0;
        for (int row : rows) {
            for (int j = 0; j < centred[row].length; j++) {
                double x = centred[row][j];
                sums[seen[row][j]] += x;
                views[seen[row][j]]++;
                total += x * x;
            }
        }
        double between = 0;
        for (int i = 0; i < positions; i++) {
            between += views[i] == 0 ? 0 : sums[i] * sums[i] / views[i];
        }
        return total == 0 ? Double.NaN : between / total;
    }
}
