package io.github.maskalign.core.engine.internal;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ends the process without the destructors of native libraries.
 *
 * <p>A JVM that ends, by a signal, {@code System.exit} or {@code Runtime.halt}, waits for a third of a second for threads
 * inside of native code, and calls C's {@code exit}. That destroys the static objects of libtorch below a step that
 * still computes, which then fails by SIGSEGV or SIGABRT instead of the exit code of the JVM. C calls what is registered
 * in reverse order: so here {@code _exit} is registered behind libtorch, which ends the process with the same code
 * and without the rest. Output that native code has buffered is written before.
 *
 * <p>Works with glibc, whose {@code on_exit} tells the code; elsewhere it does nothing.
 */
public final class NativeExit {
    private static final Logger LOG = LoggerFactory.getLogger(NativeExit.class);

    private static final AtomicBoolean INSTALLED = new AtomicBoolean();

    private NativeExit() {}

    /** Sees to it that the process ends so; later calls do nothing. The engine may not be loaded yet. */
    public static void install() {
        if (INSTALLED.compareAndSet(false, true)) {
            LibC libc = LibC.FOUND;
            try {
                Runtime.getRuntime().addShutdownHook(new Thread(NativeExit::arm, "native-exit"));
            } catch (IllegalStateException e) {
                LOG.debug("the JVM is already shutting down");
            }
            if (libc != null) {
                arm(); // Runtime.halt calls no hook
            }
        }
    }

    /** Registers the end behind all libraries that are loaded by now; may be called again when there are more. */
    public static void arm() {
        LibC libc = LibC.FOUND;
        if (libc != null) {
            libc.onExit(libc.end);
            libc.onExit(libc.flush); // called before the end, and looks at no argument
        }
    }

    /** The functions of the C library. */
    private static final class LibC {
        static final @Nullable LibC FOUND = find();

        private final Function onExit;
        final Pointer end;
        final Pointer flush;

        private LibC(NativeLibrary library) {
            onExit = library.getFunction("on_exit");
            end = library.getFunction("_exit");
            flush = library.getFunction("fcloseall");
        }

        void onExit(Pointer handler) {
            int failed = onExit.invokeInt(new Object[] {handler, Pointer.NULL});
            if (failed != 0) {
                LOG.debug("on_exit has no room");
            }
        }

        private static @Nullable LibC find() {
            try {
                return new LibC(NativeLibrary.getProcess());
            } catch (UnsatisfiedLinkError e) {
                LOG.debug("this C library has no on_exit: {}", e.getMessage());
                return null;
            }
        }
    }
}
