package io.github.maskalign.core.engine.internal;

import ai.djl.engine.EngineException;

/**
 * Lets GPUs round the operands of float32 matrix products to TensorFloat-32 (10 bits after the point instead of 23), in
 * the whole process, until it is closed.
 *
 * <p>It is what {@code torch.backends.cuda.matmul.allow_tf32 = True} does in Python. Convolutions of cuDNN use
 * TensorFloat-32 anyhow. Hardware without it computes as before.
 */
public final class TensorFloat32 implements AutoCloseable {
    private static final String SETTER = "setAllowTF32CuBLAS";
    private static final String GETTER = "allowTF32CuBLAS";

    private final EngineSettings settings;
    private final boolean before;

    private TensorFloat32(EngineSettings settings) {
        this.settings = settings;
        before = settings.is(GETTER);
    }

    /**
     * Allows it.
     *
     * @throws EngineException if the engine's library is not found or does not export its settings
     */
    public static TensorFloat32 on() {
        TensorFloat32 mode = new TensorFloat32(EngineSettings.open());
        mode.settings.set(SETTER, true);
        return mode;
    }

    /** Tells whether it is allowed. */
    public static boolean isOn() {
        return EngineSettings.open().is(GETTER);
    }

    @Override
    public void close() {
        settings.set(SETTER, before);
    }
}
