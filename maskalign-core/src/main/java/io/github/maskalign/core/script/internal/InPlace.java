package io.github.maskalign.core.script.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.script.ScriptFunction;

/**
 * Overwrites arrays where they are, on every device.
 *
 * <p>{@code NDArray.set} and {@code NDArray.copyTo} of DJL's PyTorch engine give the array other memory instead: whoever
 * keeps another handle or view of it, such as a list that a training step was made with, goes on with the old values.
 */
public final class InPlace {
    private static final ScriptFunction COPY = ScriptFunction.of(InPlace.class, "in_place.py", "copy_into");

    private InPlace() {}

    /**
     * Gives an array other elements; its memory, gradient and place in a block stay. Nothing is recorded. Not for arrays
     * that a recorded computation still needs.
     *
     * @param values the elements, on any device, of the shape and type of {@code array}
     * @param array the array to overwrite, contiguous or a view
     */
    public static void copy(NDArray values, NDArray array) {
        copy(new NDList(values), new NDList(array));
    }

    /** Does {@link #copy(NDArray, NDArray)} for pairs of arrays, in one call; the lists must not be empty. */
    public static void copy(NDList values, NDList arrays) {
        if (values.size() != arrays.size()) {
            throw new IllegalArgumentException(
                    values.size() + " arrays of values were given for " + arrays.size() + " arrays");
        }
        for (int i = 0; i < values.size(); i++) {
            if (!values.get(i).getShape().equals(arrays.get(i).getShape())) { // the engine would repeat smaller ones
                throw new IllegalArgumentException("an array of shape "
                        + arrays.get(i).getShape() + " cannot be given values of shape "
                        + values.get(i).getShape());
            }
        }
        try (GradMode editing = GradMode.off()) {
            COPY.call(values, arrays).close();
        }
    }
}
