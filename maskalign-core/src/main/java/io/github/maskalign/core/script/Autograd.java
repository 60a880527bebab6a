package io.github.maskalign.core.script;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Reverse-mode differentiation of a recorded loss, without touching the arrays' own gradient fields.
 *
 * <p>In contrast to DJL's {@code GradientCollector} the gradients are results like any other: they belong
 * to the manager that is named, there is nothing to clear between steps, and several threads may
 * differentiate at once.
 */
public final class Autograd {
    private static final ScriptFunction GRADIENTS = ScriptFunction.of(Autograd.class, "autograd.py", "gradients");

    private static final ScriptFunction DIVIDE = ScriptFunction.of(Autograd.class, "autograd.py", "divide");

    private Autograd() {}

    /**
     * Returns {@code x / by}, for values that gradients flow through.
     *
     * <p>{@code x.div(by)} would do the same but must not be recorded, and neither must any other NDArray operation
     * with a Java number: the engine passes the number in Java memory, and the graph reads that memory in the backward
     * pass even if the garbage collector has freed it by then. The gradients are wrong without a message.
     *
     * @param x float32, any shape
     * @param by a number other than 0
     * @throws IllegalArgumentException if {@code by} is 0 or not finite
     */
    public static NDArray divide(NDArray x, double by) {
        if (by == 0 || !Double.isFinite(by)) {
            throw new IllegalArgumentException("a loss can be divided by any number but 0, not by " + by);
        }
        return DIVIDE.callForOne(x, by);
    }

    /**
     * Returns d loss / d parameter for every parameter.
     *
     * @param loss a 0-d array recorded with gradient mode on
     * @param parameters arrays that require gradients
     * @param owner the manager the gradients belong to
     * @return gradients in the order and shape of the parameters; zeros where the loss does not depend on one
     * @throws IllegalArgumentException if the loss is no scalar
     */
    public static NDList gradients(NDArray loss, NDList parameters, NDManager owner) {
        if (loss.size() != 1) {
            throw new IllegalArgumentException("a loss must be one number but has shape " + loss.getShape());
        }
        return GRADIENTS.callOn(owner, loss, parameters);
    }

    /**
     * How the gradients of a loss are found.
     *
     * <p>{@link Autograd#gradients} does it for a loss whose whole graph was recorded. A forward pass that recorded only
     * parts of it brings its own way.
     */
    @FunctionalInterface
    public interface Differentiation {
        /**
         * Returns d loss / d parameter for every parameter; may be called once for a loss.
         *
         * @param loss a 0-d array recorded with gradient mode on
         * @param parameters arrays that require gradients
         * @param owner the manager the gradients belong to
         * @return gradients in the order and shape of the parameters; zeros where the loss does not depend on one
         */
        NDList gradients(NDArray loss, NDList parameters, NDManager owner);

        /**
         * Finds the same gradients and hands over each as soon as it is whole, so that something can be done with it
         * while the others are found. Unless a way of its own knows better, all are handed over at the end.
         *
         * <p>Every gradient is handed over once, in an order that depends on the model alone.
         *
         * @param owner the manager the gradients belong to when they are handed over
         * @param receiver takes them
         */
        default void gradients(NDArray loss, NDList parameters, NDManager owner, Receiver receiver) {
            NDList all = gradients(loss, parameters, owner);
            receiver.take(IntStream.range(0, all.size()).boxed().toList(), all, new NDList());
        }
    }

    /** Takes gradients while others are still being found. */
    @FunctionalInterface
    public interface Receiver {
        /**
         * Takes some gradients, which are its own from now on.
         *
         * @param which their places among the parameters
         * @param gradients as many
         * @param inUse what is still needed to find others; a gradient that shares memory with one of these must not be
         *     changed in place
         */
        void take(List<Integer> which, NDList gradients, NDList inUse);
    }
}
