package io.github.maskalign.core.analysis;

import java.util.Arrays;
import java.util.stream.IntStream;

/** Inner products of rows of features, and the sums over them that alikeness is made of. */
final class Gram {
    private Gram() {}

    static void checkFeatures(String name, float[][] rows) {
        for (int i = 0; i < rows.length; i++) {
            if (rows[i].length != rows[0].length || rows[i].length == 0) {
                throw new IllegalArgumentException("rows of " + name + " must have equally many numbers, but row 0 has "
                        + rows[0].length + " and row " + i + " has " + rows[i].length);
            }
            for (float x : rows[i]) {
                if (!Float.isFinite(x)) {
                    throw new IllegalArgumentException("row " + i + " of " + name + " must be finite but has " + x);
                }
            }
        }
    }

    /** Inner products of the rows after the mean row is subtracted, which changes no HSIC but keeps its sums small. */
    static double[][] ofCentred(float[][] rows) {
        int width = rows[0].length;
        double[] mean = new double[width];
        for (float[] row : rows) {
            for (int c = 0; c < width; c++) {
                mean[c] += row[c];
            }
        }
        double[][] centred = new double[rows.length][width];
        for (int i = 0; i < rows.length; i++) {
            for (int c = 0; c < width; c++) {
                centred[i][c] = rows[i][c] - mean[c] / rows.length;
            }
        }
        return of(centred);
    }

    /** Cosines of the rows. */
    static double[][] ofCosines(String name, float[][] rows) {
        return of(unit(name, rows));
    }

    /** Rows of length 1. */
    static double[][] unit(String name, float[][] rows) {
        double[][] unit = new double[rows.length][rows[0].length];
        for (int i = 0; i < rows.length; i++) {
            double squares = 0;
            for (float x : rows[i]) {
                squares += (double) x * x;
            }
            if (squares == 0) {
                throw new IllegalArgumentException("row " + i + " of " + name + " is zero and has no direction");
            }
            double norm = Math.sqrt(squares);
            for (int c = 0; c < unit[i].length; c++) {
                unit[i][c] = rows[i][c] / norm;
            }
        }
        return unit;
    }

    static double[][] of(double[][] rows) {
        double[][] gram = new double[rows.length][rows.length];
        IntStream.range(0, rows.length).parallel().forEach(i -> {
            for (int j = 0; j < rows.length; j++) {
                // the smaller index first: both halves of the matrix have the same bits
                gram[i][j] = dot(rows[Math.min(i, j)], rows[Math.max(i, j)]);
            }
        });
        return gram;
    }

    static double dot(double[] a, double[] b) {
        double s0 = 0;
        double s1 = 0;
        double s2 = 0;
        double s3 = 0;
        int c = 0;
        for (; c + 3 < a.length; c += 4) {
            s0 += a[c] * b[c];
            s1 += a[c + 1] * b[c + 1];
            s2 += a[c + 2] * b[c + 2];
            s3 += a[c + 3] * b[c + 3];
        }
        for (; c < a.length; c++) {
            s0 += a[c] * b[c];
        }
        return s0 + s1 + (s2 + s3);
    }

    /** Biased and unbiased HSIC of the rows i of K and j of L, paired in order, up to a factor that depends on n alone. */
    static double[] hsic(double[][] k, double[][] l, int[] i, int[] j) {
        int n = i.length;
        double products = 0;
        double sumK = 0;
        double sumL = 0;
        double rows = 0;
        double offProducts = 0;
        double offSumK = 0;
        double offSumL = 0;
        double offRows = 0;
        for (int r = 0; r < n; r++) {
            double rowK = 0;
            double rowL = 0;
            double row = 0;
            double[] kr = k[i[r]];
            double[] lr = l[j[r]];
            for (int c = 0; c < n; c++) {
                double x = kr[i[c]];
                double y = lr[j[c]];
                rowK += x;
                rowL += y;
                row += x * y;
            }
            products += row;
            sumK += rowK;
            sumL += rowL;
            rows += rowK * rowL;
            double x = kr[i[r]];
            double y = lr[j[r]];
            offProducts += row - x * y;
            offSumK += rowK - x;
            offSumL += rowL - y;
            offRows += (rowK - x) * (rowL - y);
        }
        double size = n;
        return new double[] {
            products + sumK * sumL / (size * size) - 2 * rows / size,
            offProducts + offSumK * offSumL / ((size - 1) * (size - 2)) - 2 * offRows / (size - 2)
        };
    }

    /** What two have in common relative to each with itself, each biased and unbiased; NaN where one has nothing. */
    static double[] ratios(double[] both, double[] selfK, double[] selfL) {
        double[] out = new double[both.length];
        Arrays.setAll(out, s -> {
            double norm = selfK[s] * selfL[s];
            return norm > 0 ? both[s] / Math.sqrt(norm) : Double.NaN;
        });
        return out;
    }

    /** The k nearest of the given rows to each of them, without itself, by place in {@code rows}, ascending. */
    static int[][] nearest(double[][] gram, int[] rows, int k) {
        int[][] out = new int[rows.length][];
        for (int i = 0; i < rows.length; i++) {
            double[] gramRow = gram[rows[i]];
            int[] best = new int[k];
            double[] values = new double[k];
            int found = 0;
            for (int j = 0; j < rows.length; j++) {
                double value = gramRow[rows[j]];
                if (j == i || found == k && value <= values[k - 1]) {
                    continue;
                }
                int place = found < k ? found++ : k - 1;
                for (; place > 0 && values[place - 1] < value; place--) {
                    values[place] = values[place - 1];
                    best[place] = best[place - 1];
                }
                values[place] = value;
                best[place] = j;
            }
            Arrays.sort(best);
            out[i] = best;
        }
        return out;
    }

    /** Mean share of the neighbours that are the same. */
    static double shared(int[][] a, int[][] b) {
        long common = 0;
        for (int i = 0; i < a.length; i++) {
            common += common(a[i], b[i]).length;
        }
        return (double) common / a.length / a[0].length;
    }

    /** What is in both of two ascending lists. */
    private static int[] common(int[] a, int[] b) {
        int[] both = new int[a.length];
        int count = 0;
        for (int i = 0, j = 0; i < a.length && j < b.length; ) {
            if (a[i] == b[j]) {
                both[count++] = a[i++];
                j++;
            } else if (a[i] < b[j]) {
                i++;
            } else {
                j++;
            }
        }
        return Arrays.copyOf(both, count);
    }

    /**
     * Unbiased HSIC, up to a factor that depends on n alone, of K and L in the rows i and j where all is 0 but pairs (r, c) with c
     * a neighbour of r on both sides. Such matrices are not symmetric: tr(KL) = Σ K_rc L_cr and 1ᵀKL1 = Σ (1ᵀK)_r (L1)_r.
     */
    static double masked(double[][] k, double[][] l, int[][] nearK, int[][] nearL, int[] i, int[] j) {
        int n = i.length;
        int[][] pairs = new int[n][];
        double[] columnK = new double[n];
        double[] rowL = new double[n];
        double sumK = 0;
        double sumL = 0;
        for (int r = 0; r < n; r++) {
            pairs[r] = common(nearK[r], nearL[r]);
            for (int c : pairs[r]) {
                columnK[c] += k[i[r]][i[c]];
                rowL[r] += l[j[r]][j[c]];
                sumK += k[i[r]][i[c]];
                sumL += l[j[r]][j[c]];
            }
        }
        double trace = 0;
        double rows = 0;
        for (int r = 0; r < n; r++) {
            for (int c : pairs[r]) {
                for (int back : pairs[c]) {
                    trace += back == r ? k[i[r]][i[c]] * l[j[c]][j[r]] : 0;
                }
            }
            rows += columnK[r] * rowL[r];
        }
        double size = n;
        return trace + sumK * sumL / ((size - 1) * (size - 2)) - 2 * rows / (size - 2);
    }
}
