package io.github.maskalign.core.nn.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.training.initializer.Initializer;
import ai.djl.training.initializer.NormalInitializer;

/** Initial weights as the SiT family draws them (methods of DiT's and SiT's {@code initialize_weights}). */
public final class Initializers {
    /**
     * Xavier's uniform initialiser: U(-b, b), b = sqrt(6 / (fan_in + fan_out)).
     *
     * <p>A weight (out, in, ...) counts as the matrix (out, in · ...), so a patch embedding is treated as the
     * linear layer that it is. DJL's own initialiser differs by a factor of sqrt(2) and counts convolutions
     * otherwise.
     */
    public static final Initializer XAVIER_UNIFORM = (manager, shape, type) -> {
        double fanOut = shape.get(0);
        double fanIn = shape.size() / fanOut;
        float bound = (float) Math.sqrt(6 / (fanIn + fanOut));
        return manager.randomUniform(-bound, bound, shape, type);
    };

    /** N(0, 0.02²): label table, timestep MLP and learned tokens. */
    public static final Initializer NORMAL_002 = new NormalInitializer(0.02f);

    private Initializers() {}

    /** U(±1/√fanIn): PyTorch's own for the weight and the bias of a convolution. */
    public static Initializer convolution(long fanIn) {
        float bound = (float) (1 / Math.sqrt(fanIn));
        return (manager, shape, type) -> manager.randomUniform(-bound, bound, shape, type);
    }

    /** Always gives the same values, such as a position table. */
    public static Initializer constant(float[] values) {
        return (manager, shape, type) -> {
            if (shape.size() != values.length) {
                throw new IllegalArgumentException(
                        "shape " + shape + " holds " + shape.size() + " values but " + values.length + " are given");
            }
            try (NDManager scratch = manager.newSubManager()) {
                // the array made from Java memory borrows it; the parameter owns its own
                NDArray owned = scratch.create(values, shape).duplicate();
                owned.attach(manager);
                return owned;
            }
        };
    }
}
