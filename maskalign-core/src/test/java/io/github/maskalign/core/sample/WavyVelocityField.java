package io.github.maskalign.core.sample;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The closed-form field of the sampler fixtures, whose coordinates depend on each other, on the time and on
 * the label; its formula is in their manifest. Remembers the states it saw, conditional halves only.
 */
final class WavyVelocityField implements VelocityField {
    private final int pictures;
    private final long nullLabel;
    private final List<double[][]> seen = new ArrayList<>();
    private final List<Boolean> guided = new ArrayList<>();

    WavyVelocityField(int pictures, long nullLabel) {
        this.pictures = pictures;
        this.nullLabel = nullLabel;
    }

    @Override
    public NDList velocity(NDList state, NDArray t, NDArray labels) {
        long[] y = labels.toLongArray();
        double[] times = t.toType(DataType.FLOAT64, false).toDoubleArray();
        double[][] parts = new double[state.size()][];
        double[][] first = new double[state.size()][];
        NDList velocity = new NDList();
        for (int k = 0; k < parts.length; k++) {
            parts[k] = state.get(k).toType(DataType.FLOAT64, false).toDoubleArray();
            first[k] = Arrays.copyOf(parts[k], parts[k].length / y.length * pictures);
        }
        seen.add(first);
        guided.add(y.length > pictures);
        for (int k = 0; k < parts.length; k++) {
            double[] v = new double[parts[k].length];
            int width = v.length / y.length;
            for (int i = 0; i < v.length; i++) {
                int n = i / width;
                v[i] = k == 0 ? latent(parts, n, i % width, times[n], y) : token(parts, n, i % width, times[n], y);
            }
            NDArray x = state.get(k);
            velocity.add(x.getManager().create(v, x.getShape()).toType(x.getDataType(), false));
        }
        return velocity;
    }

    private static double latent(double[][] parts, int n, int i, double t, long[] y) {
        int d = parts[0].length / y.length;
        double v = 0.6 * t * parts[0][n * d + i] + 0.25 * Math.cos(y[n] + i);
        for (int j = 0; j < d; j++) {
            v += Math.sin(1.3 * i + 0.7 * j + 0.2) / d * Math.tanh(parts[0][n * d + j] + 0.3 * j * t);
        }
        if (parts.length > 1) {
            int z = parts[1].length / y.length;
            for (int k = 0; k < z; k++) {
                v += 0.1 * Math.sin(0.5 * i - 0.9 * k) / z * parts[1][n * z + k];
            }
        }
        return v;
    }

    private static double token(double[][] parts, int n, int k, double t, long[] y) {
        int d = parts[0].length / y.length;
        int z = parts[1].length / y.length;
        double mean = 0;
        for (int j = 0; j < d; j++) {
            mean += parts[0][n * d + j] / d;
        }
        return 0.8 * Math.tanh(parts[1][n * z + k] + t) - 0.3 * Math.cos(y[n] + 2 * k) + 0.2 * mean;
    }

    @Override
    public long nullLabel() {
        return nullLabel;
    }

    /** Returns the state of each call, one array for each part. */
    List<double[][]> seen() {
        return seen;
    }

    /** Returns whether each call had two halves. */
    List<Boolean> guided() {
        return guided;
    }
}
