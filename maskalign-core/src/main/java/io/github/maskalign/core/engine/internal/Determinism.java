package io.github.maskalign.core.engine.internal;

import ai.djl.engine.EngineException;

/**
 * Lets the engine use only algorithms that give equal bits for equal inputs, in the whole process, until it is closed.
 *
 * <p>It is what {@code torch.use_deterministic_algorithms(True)} does in Python, with cuDNN's deterministic algorithms
 * and without its search for the fastest one. On a CPU the engine is deterministic anyhow for a given number of
 * threads and a given {@link Processor}. On a GPU an operation that has no deterministic algorithm fails with a message that names it, and cuBLAS
 * needs {@code CUBLAS_WORKSPACE_CONFIG} in the environment.
 */
public final class Determinism implements AutoCloseable {
    private final EngineSettings settings;
    private final boolean before;

    private Determinism(EngineSettings settings) {
        this.settings = settings;
        before = isOn(settings);
    }

    /**
     * Switches it on.
     *
     * @throws EngineException if the engine's library is not found or does not export its settings
     */
    public static Determinism on() {
        Determinism mode = new Determinism(EngineSettings.open());
        mode.set(true);
        return mode;
    }

    /** Tells whether it is on. */
    public static boolean isOn() {
        return isOn(EngineSettings.open());
    }

    private void set(boolean on) {
        settings.set(
                "setDeterministicAlgorithms", on, false); // an error, not a warning: some kernels heed nothing less
        settings.set("setDeterministicCuDNN", on);
        settings.set("setDeterministicFillUninitializedMemory", false); // nothing here reads memory before writing it
        if (on) {
            settings.set("setBenchmarkCuDNN", false); // the fastest algorithm is another one each time
        }
        if (isOn(settings) != on) {
            throw new EngineException("the engine does not take the setting of deterministic algorithms");
        }
    }

    private static boolean isOn(EngineSettings settings) {
        return settings.is("deterministicAlgorithms");
    }

    @Override
    public void close() {
        set(before);
    }
}
