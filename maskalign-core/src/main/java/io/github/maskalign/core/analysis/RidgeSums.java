package io.github.maskalign.core.analysis;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Sums over rows of features from which ridge regression on class indicators follows; those of parts add up to those of the
 * whole. Features are counted from an offset near their mean, so that variances do not cancel.
 *
 * @param offset (width)
 * @param counts rows of each class
 * @param sums of the features of each class, (classes, width)
 * @param products Σ x xᵀ, the lower triangle, (width, width)
 */
record RidgeSums(double[] offset, int[] counts, double[][] sums, double[][] products) {

    /** A fitted classifier: class of x = argmax over classes of {@code bias + weight · (x − offset)}. */
    record Fit(double[] offset, double[] bias, double[][] weights) {
        boolean[] hits(float[][] features, int[] classes, int[] rows) {
            boolean[] hits = new boolean[rows.length];
            IntStream.range(0, rows.length).parallel().forEach(i -> {
                double[] x = new double[offset.length];
                Arrays.setAll(x, c -> features[rows[i]][c] - offset[c]);
                int best = 0;
                double most = Double.NEGATIVE_INFINITY;
                for (int k = 0; k < bias.length; k++) {
                    double score = bias[k] + Gram.dot(weights[k], x);
                    if (score > most) {
                        most = score;
                        best = k;
                    }
                }
                hits[i] = best == classes[rows[i]];
            });
            return hits;
        }
    }

    static double[] mean(float[][] features) {
        double[] mean = new double[features[0].length];
        for (float[] row : features) {
            for (int c = 0; c < mean.length; c++) {
                mean[c] += row[c] / (double) features.length;
            }
        }
        return mean;
    }

    static RidgeSums of(float[][] features, int[] classes, int[] rows, int classCount, double[] offset) {
        int width = offset.length;
        int[] counts = new int[classCount];
        double[][] sums = new double[classCount][width];
        double[][] columns = new double[width][rows.length];
        for (int i = 0; i < rows.length; i++) {
            counts[classes[rows[i]]]++;
            for (int c = 0; c < width; c++) {
                double x = features[rows[i]][c] - offset[c];
                columns[c][i] = x;
                sums[classes[rows[i]]][c] += x;
            }
        }
        double[][] products = new double[width][];
        IntStream.range(0, width).parallel().forEach(a -> {
            products[a] = new double[a + 1];
            for (int b = 0; b <= a; b++) {
                products[a][b] = Gram.dot(columns[a], columns[b]);
            }
        });
        return new RidgeSums(offset, counts, sums, products);
    }

    RidgeSums plus(RidgeSums other) {
        int[] bothCounts = new int[counts.length];
        Arrays.setAll(bothCounts, k -> counts[k] + other.counts[k]);
        return new RidgeSums(offset, bothCounts, plus(sums, other.sums), plus(products, other.products));
    }

    private static double[][] plus(double[][] a, double[][] b) {
        double[][] out = new double[a.length][];
        for (int i = 0; i < a.length; i++) {
            double[] row = a[i].clone();
            for (int j = 0; j < row.length; j++) {
                row[j] += b[i][j];
            }
            out[i] = row;
        }
        return out;
    }

    int rows() {
        return Arrays.stream(counts).sum();
    }

    /** The class with most rows. */
    int frequent() {
        int best = 0;
        for (int k = 1; k < counts.length; k++) {
            best = counts[k] > counts[best] ? k : best;
        }
        return best;
    }

    Fit solve(double lambda) {
        double n = rows();
        int width = offset.length;
        double[] mean = new double[width];
        for (double[] sum : sums) {
            for (int c = 0; c < width; c++) {
                mean[c] += sum[c] / n;
            }
        }
        double[] scale = new double[width]; // a constant feature says nothing and stays 0
        for (int c = 0; c < width; c++) {
            double variance = products[c][c] / n - mean[c] * mean[c];
            scale[c] = variance > 1e-12 * (products[c][c] / n) ? 1 / Math.sqrt(variance) : 0;
        }
        double[][] matrix = new double[width][];
        for (int a = 0; a < width; a++) {
            matrix[a] = new double[a + 1];
            for (int b = 0; b <= a; b++) {
                matrix[a][b] = (products[a][b] / n - mean[a] * mean[b]) * scale[a] * scale[b];
            }
            matrix[a][a] += lambda;
        }
        factorise(matrix);
        double[] bias = new double[counts.length];
        double[][] weights = new double[counts.length][];
        for (int k = 0; k < counts.length; k++) {
            double prior = counts[k] / n;
            double[] w = new double[width];
            for (int c = 0; c < width; c++) {
                w[c] = (sums[k][c] / n - mean[c] * prior) * scale[c];
            }
            substitute(matrix, w);
            for (int c = 0; c < width; c++) {
                w[c] *= scale[c];
            }
            weights[k] = w;
            bias[k] = prior - Gram.dot(w, mean);
        }
        return new Fit(offset, bias, weights);
    }

    /** Cholesky's factor in place of the lower triangle: A = L Lᵀ. */
    private static void factorise(double[][] a) {
        for (int j = 0; j < a.length; j++) {
            for (int k = 0; k <= j; k++) {
                double sum = a[j][k];
                for (int c = 0; c < k; c++) {
                    sum -= a[j][c] * a[k][c];
                }
                a[j][k] = j == k ? Math.sqrt(sum) : sum / a[k][k];
            }
        }
    }

    /** Solves L Lᵀ x = b in place of b. */
    private static void substitute(double[][] l, double[] b) {
        for (int i = 0; i < b.length; i++) {
            double sum = b[i];
            for (int c = 0; c < i; c++) {
                sum -= l[i][c] * b[c];
            }
            b[i] = sum / l[i][i];
        }
        for (int i = b.length - 1; i >= 0; i--) {
            b[i] /= l[i][i];
            for (int c = 0; c < i; c++) {
                b[c] -= l[i][c] * b[i];
            }
        }
    }
}
