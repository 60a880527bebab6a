package io.github.maskalign.core.engine.internal;

import ai.djl.engine.Engine;
import ai.djl.pytorch.jni.JniUtils;

/**
 * Threads that the engine splits one operation over.
 *
 * <p>Sums are split by thread, so a run is reproducible bit for bit only with the same number, and on the same {@link Processor}.
 */
public final class NativeThreads {
    /** Most threads that may be asked for; the engine starts as many as it is told, until the machine stands still. */
    public static final int MOST = 1024;

    private NativeThreads() {}

    /** Returns the number of threads of one operation. */
    public static int count() {
        Engine.getEngine("PyTorch"); // loads the native library
        return JniUtils.getNumThreads();
    }

    /**
     * Sets the number of threads of one operation, for this process.
     *
     * @throws IllegalArgumentException if the number is not in [1, {@value #MOST}]
     */
    public static void set(int threads) {
        if (threads < 1 || threads > MOST) {
            throw new IllegalArgumentException("native threads must be in [1, " + MOST + "] but was " + threads);
        }
        Engine.getEngine("PyTorch");
        JniUtils.setNumThreads(threads);
    }
}
