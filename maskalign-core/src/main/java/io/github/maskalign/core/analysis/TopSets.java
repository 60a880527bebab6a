package io.github.maskalign.core.analysis;

import io.github.maskalign.core.random.internal.SplitMix64;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The k_m highest of the positions seen in each picture m, and the statistics of how often each position is among them.
 *
 * @param tops positions of each picture's set
 * @param seen positions seen in each picture, ascending
 */
record TopSets(Grid grid, int[][] tops, int[][] seen) {
    /** Places of the statistics; the rings' means follow. */
    static final int SPREAD = 0;

    static final int UNIFORMITY = 1;
    static final int ENTROPY = 2;
    static final int VARIATION = 3;
    static final int MORAN = 4;
    static final int RINGS = 5;

    static TopSets of(Grid grid, double[][] scores, boolean @Nullable [][] visible, double share) {
        int n = grid.size();
        int[] all = IntStream.range(0, n).toArray();
        int[][] tops = new int[scores.length][];
        int[][] seen = new int[scores.length][];
        for (int m = 0; m < scores.length; m++) {
            double[] row = scores[m];
            int picture = m;
            seen[m] = visible == null
                    ? all
                    : Arrays.stream(all).filter(i -> visible[picture][i]).toArray();
            int k = (int) Math.round(share * seen[m].length);
            if (k < 1 || k >= seen[m].length) {
                throw new IllegalArgumentException("share " + share + " of the " + seen[m].length
                        + " positions seen in picture " + m + " must be at least one and not all, but is " + k);
            }
            for (int i : seen[m]) {
                if (!Double.isFinite(row[i])) {
                    throw new IllegalArgumentException(
                            "score of picture " + m + " at position " + i + " must be finite but was " + row[i]);
                }
            }
            // equal scores fall to positions by a hash of picture and position, so that ties prefer no place
            tops[m] = Arrays.stream(seen[m])
                    .boxed()
                    .sorted(Comparator.comparingDouble((Integer i) -> -row[i])
                            .thenComparingLong(i -> SplitMix64.mix(((long) picture << 32) + i)))
                    .limit(k)
                    .mapToInt(Integer::intValue)
                    .toArray();
        }
        return new TopSets(grid, tops, seen);
    }

    int pictures() {
        return tops.length;
    }

    /** Sets of the same sizes among the same positions, each equally likely. */
    TopSets random(SplitMix64 random) {
        int[][] drawn = new int[tops.length][];
        int[] all = IntStream.range(0, grid.size()).toArray();
        for (int m = 0; m < tops.length; m++) {
            int[] from = seen[m].length == all.length ? all : seen[m].clone();
            Resampled.shuffle(random, from, tops[m].length);
            drawn[m] = Arrays.copyOf(from, tops[m].length);
        }
        return new TopSets(grid, drawn, seen);
    }

    TopSets rows(int[] rows) {
        int[][] chosen = new int[rows.length][];
        int[][] chosenSeen = new int[rows.length][];
        for (int i = 0; i < rows.length; i++) {
            chosen[i] = tops[rows[i]];
            chosenSeen[i] = seen[rows[i]];
        }
        return new TopSets(grid, chosen, chosenSeen);
    }

    /** How often each position is in a set. */
    int[] counts() {
        return count(tops);
    }

    /** How often each position is seen. */
    int[] seenCounts() {
        return count(seen);
    }

    private int[] count(int[][] sets) {
        int[] counts = new int[grid.size()];
        int whole = 0;
        for (int[] set : sets) {
            if (set.length == counts.length) {
                whole++;
                continue;
            }
            for (int i : set) {
                counts[i]++;
            }
        }
        for (int i = 0; i < counts.length; i++) {
            counts[i] += whole;
        }
        return counts;
    }

    /** P_i = c_i / v_i; a position that these pictures do not show has the share of all, which prefers nothing. */
    double[] probabilities() {
        return probabilities(counts(), seenCounts());
    }

    private static double[] probabilities(int[] counts, int[] views) {
        double share =
                (double) Arrays.stream(counts).sum() / Arrays.stream(views).sum();
        double[] map = new double[counts.length];
        for (int i = 0; i < map.length; i++) {
            map[i] = views[i] == 0 ? share : (double) counts[i] / views[i];
        }
        return map;
    }

    double[] statistics() {
        int[] counts = counts();
        int[] views = seenCounts();
        double[] map = probabilities(counts, views);
        double[] out = new double[RINGS + grid.rings()];
        out[SPREAD] = spread(counts, views);
        out[UNIFORMITY] = uniformity(counts);
        out[ENTROPY] = entropy(map);
        out[VARIATION] = variation(map);
        out[MORAN] = grid.moran(map);
        double[] rings = grid.ringMeans(map);
        System.arraycopy(rings, 0, out, RINGS, rings.length);
        return out;
    }

    /** max P / min P with P = (c + 0.5) / (v + 1), which is the ratio of the counts where all is seen. */
    private static double spread(int[] counts, int[] views) {
        double most = 0;
        double least = Double.POSITIVE_INFINITY;
        for (int i = 0; i < counts.length; i++) {
            double smooth = (counts[i] + 0.5) / (views[i] + 1.0);
            most = Math.max(most, smooth);
            least = Math.min(least, smooth);
        }
        return most / least;
    }

    /** Q = (N−1)/N · Σ (c_i − e_i)² / s_i, with e_i = Σ p_m and s_i = Σ p_m (1 − p_m) over the pictures that show i. */
    private double uniformity(int[] counts) {
        double[] expected = new double[counts.length];
        double[] variance = new double[counts.length];
        double wholeExpected = 0;
        double wholeVariance = 0;
        for (int m = 0; m < tops.length; m++) {
            double p = (double) tops[m].length / seen[m].length;
            if (seen[m].length == counts.length) {
                wholeExpected += p;
                wholeVariance += p * (1 - p);
                continue;
            }
            for (int i : seen[m]) {
                expected[i] += p;
                variance[i] += p * (1 - p);
            }
        }
        double sum = 0;
        for (int i = 0; i < counts.length; i++) {
            double d = counts[i] - expected[i] - wholeExpected;
            double s = variance[i] + wholeVariance;
            sum += s == 0 ? 0 : d * d / s;
        }
        return sum * (counts.length - 1) / counts.length;
    }

    /** −Σ q ln q / ln N, q = P / ΣP. */
    private static double entropy(double[] map) {
        double total = Arrays.stream(map).sum();
        double sum = 0;
        for (double p : map) {
            sum -= p == 0 ? 0 : p / total * Math.log(p / total);
        }
        return sum / Math.log(map.length);
    }

    /** ½ Σ |q_i − 1/N|. */
    private static double variation(double[] map) {
        double total = Arrays.stream(map).sum();
        double sum = 0;
        for (double p : map) {
            sum += Math.abs(p / total - 1.0 / map.length);
        }
        return sum / 2;
    }
}
