package io.github.maskalign.core.sample;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.Arrays;

/** A velocity field with guidance, called with float64 states: casts, doubles the batch, mixes and casts back. */
final class GuidedField {
    private final VelocityField field;
    private final Guidance guidance;
    private final DataType inputType;
    private final NDArray labels;
    private final NDArray doubledLabels;

    /**
     * Prepares the labels.
     *
     * @param run owner of the labels
     * @param inputType data type in which the field is called
     */
    GuidedField(VelocityField field, Guidance guidance, NDManager run, long[] labels, DataType inputType) {
        this.field = field;
        this.guidance = guidance;
        this.inputType = inputType;
        this.labels = run.create(labels); // (N)
        long[] doubled = Arrays.copyOf(labels, 2 * labels.length);
        Arrays.fill(doubled, labels.length, doubled.length, field.nullLabel());
        this.doubledLabels = run.create(doubled); // (2N)
    }

    /**
     * The guided velocity.
     *
     * @param step owner of the result and of all that is made on the way
     * @param state float64 arrays (N, ...), owned by {@code step}
     * @param t time at which the field is asked
     * @param guidanceTime time that decides whether guidance is active
     * @return velocities, float64
     */
    NDList velocity(NDManager step, NDList state, double t, double guidanceTime) {
        boolean guided = guidance.activeAt(guidanceTime);
        NDList input = new NDList(state.size());
        for (NDArray s : state) {
            NDArray x = s.toType(inputType, false);
            input.add(guided ? x.concat(x) : x); // (N, ...) or (2N, ...)
        }
        NDArray batchLabels = guided ? doubledLabels : labels;
        double[] times = new double[Math.toIntExact(batchLabels.size())];
        Arrays.fill(times, t);
        NDArray time = step.create(times).toType(inputType, false);

        NDList velocity = field.velocity(input, time, batchLabels);

        check(velocity, input);
        NDList wide = new NDList(velocity.size());
        for (NDArray v : velocity) {
            v.attach(step);
            wide.add(v.toType(DataType.FLOAT64, false));
        }
        return guided ? guidance.mix(wide) : wide;
    }

    private static void check(NDList velocity, NDList input) {
        Shape[] expected = input.getShapes();
        Shape[] found = velocity.getShapes();
        if (!Arrays.equals(expected, found)) {
            throw new IllegalStateException("a velocity field must return one velocity for each array of the state, "
                    + Arrays.toString(expected) + ", but returned " + Arrays.toString(found));
        }
    }
}
