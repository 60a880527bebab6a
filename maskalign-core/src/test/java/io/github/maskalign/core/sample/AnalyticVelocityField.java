package io.github.maskalign.core.sample;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.diffusion.Interpolant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The exact velocity of Gaussian data: each coordinate of class y is N(mean[y], variance), of the null class
 * N(0, variance). A test double for networks that remembers how it was called.
 *
 * <pre>
 *   v = α' E[x*|x] + σ' E[ε|x],   E[x*|x] = m + α s² (x - α m) / q,   E[ε|x] = σ (x - α m) / q,   q = α² s² + σ²
 * </pre>
 */
public final class AnalyticVelocityField implements VelocityField {
    /** One call: the batch, the time, the labels and the data type of the state. */
    public record Call(int batch, double t, List<Long> labels, DataType type) {}

    private final Interpolant path;
    private final double variance;
    private final double[] means;
    private final List<Call> calls = new ArrayList<>();

    /**
     * Creates a field.
     *
     * @param path path from data to noise
     * @param variance variance of the data
     * @param means mean of each class; their number is the null label
     */
    public AnalyticVelocityField(Interpolant path, double variance, double... means) {
        this.path = path;
        this.variance = variance;
        this.means = means.clone();
    }

    @Override
    public NDList velocity(NDList state, NDArray t, NDArray labels) {
        double[] times = t.toType(DataType.FLOAT64, false).toDoubleArray();
        long[] classes = labels.toLongArray();
        calls.add(new Call(
                classes.length, times[0], Arrays.stream(classes).boxed().toList(), t.getDataType()));
        double[] slope = new double[times.length];
        double[] offset = new double[times.length];
        for (int i = 0; i < times.length; i++) {
            slope[i] = slope(times[i]);
            offset[i] = velocity(0, times[i], classes[i]);
        }
        NDList velocity = new NDList(state.size());
        for (NDArray x : state) {
            long[] shape = new long[x.getShape().dimension()];
            Arrays.fill(shape, 1);
            shape[0] = times.length;
            NDArray a = x.getManager().create(slope).toType(x.getDataType(), false);
            NDArray b = x.getManager().create(offset).toType(x.getDataType(), false);
            velocity.add(x.mul(a.reshape(new Shape(shape))).add(b.reshape(new Shape(shape))));
        }
        return velocity;
    }

    @Override
    public long nullLabel() {
        return means.length;
    }

    /** Returns the velocity of one coordinate in float64. */
    public double velocity(double x, double t, long label) {
        double mean = label < means.length ? means[(int) label] : 0;
        return slope(t) * (x - path.alpha(t) * mean) + path.alphaPrime(t) * mean;
    }

    /** Returns the calls so far. */
    public List<Call> calls() {
        return List.copyOf(calls);
    }

    private double slope(double t) {
        double a = path.alpha(t);
        double s = path.sigma(t);
        return (path.alphaPrime(t) * a * variance + path.sigmaPrime(t) * s) / (a * a * variance + s * s);
    }
}
