package io.github.maskalign.core.engine;

import ai.djl.engine.Engine;
import ai.djl.pytorch.jni.JniUtils;

/**
 * Threads that the engine splits one operation over.
 *
 * <p>Sums are split by thread, so a run is reproducible bit for bit only with the same number.
 */
public final class NativeThreads {
    private NativeThreads() {}

    /** Returns the number of threads of one operation. */
    public static int count() {
        Engine.getEngine("PyTorch"); // loads the native library
        return JniUtils.getNumThreads();
    }

    /**
     * Sets the number of threads of one operation, for this process.
     *
     * @throws IllegalArgumentException if the number is below 1
     */
    public static void set(int threads) {
        if (threads < 1) {
            throw new IllegalArgumentException("native threads must be at least 1 but was " + threads);
        }
        Engine.getEngine("PyTorch");
        JniUtils.setNumThreads(threads);
    }
}
