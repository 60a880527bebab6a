package io.github.maskalign.core.engine;

import ai.djl.engine.Engine;
import ai.djl.pytorch.jni.JniUtils;

/**
 * Switches the recording of gradients on or off for this thread until it is closed.
 *
 * <p>libtorch keeps the mode per thread, and a new thread starts with recording on: code that only computes
 * values runs inside {@code try (var mode = GradMode.off())}.
 */
public final class GradMode implements AutoCloseable {
    private final boolean before;

    private GradMode(boolean recording) {
        Engine.getEngine("PyTorch"); // loads the native library
        before = JniUtils.isGradMode();
        JniUtils.setGradMode(recording);
    }

    /** Records gradients. */
    public static GradMode on() {
        return new GradMode(true);
    }

    /** Does not record gradients. */
    public static GradMode off() {
        return new GradMode(false);
    }

    /** Tells whether operations of this thread record gradients. */
    public static boolean isOn() {
        Engine.getEngine("PyTorch");
        return JniUtils.isGradMode();
    }

    @Override
    public void close() {
        JniUtils.setGradMode(before);
    }
}
