package io.github.maskalign.core.engine.internal;

import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.nio.file.Path;
import java.util.Optional;

/** Settings of the whole process for which DJL has no call; libtorch exports the functions of its {@code at::Context}. */
public final class EngineSettings {
    private static final String CLASS = "2at7Context";

    private final NativeLibrary torch;
    private final Pointer context;

    private EngineSettings(NativeLibrary torch) {
        this.torch = torch;
        context = torch.getFunction("_ZN2at13globalContextEv").invokePointer(new Object[0]);
    }

    /**
     * Finds them, which loads the engine.
     *
     * @throws EngineException if the engine's library is not found or does not export its settings
     */
    public static EngineSettings open() {
        Engine.getEngine("PyTorch"); // loads the native library
        Path file = LoadedLibraries.find("libtorch_cpu.so")
                .orElseThrow(() -> new EngineException("the loaded libtorch_cpu.so was not found"));
        try {
            return new EngineSettings(NativeLibrary.getInstance(file.toString()));
        } catch (UnsatisfiedLinkError e) {
            throw missing(e);
        }
    }

    /** Calls a setter with one or two values. */
    public void set(String method, boolean... values) {
        Object[] arguments = new Object[1 + values.length];
        arguments[0] = context;
        for (int i = 0; i < values.length; i++) {
            arguments[1 + i] = values[i] ? 1 : 0;
        }
        try {
            torch.getFunction("_ZN" + name(method) + "b".repeat(values.length)).invokeVoid(arguments);
        } catch (UnsatisfiedLinkError e) {
            throw missing(e);
        }
    }

    /** Calls a getter. */
    public boolean is(String method) {
        try {
            int found = torch.getFunction("_ZNK" + name(method) + "v").invokeInt(new Object[] {context});
            return (found & 0xff) != 0; // a bool is one byte of the register
        } catch (UnsatisfiedLinkError e) {
            throw missing(e);
        }
    }

    /** Returns a function that the library exports under this name; empty if it does not. */
    Optional<Function> function(String symbol) {
        try {
            return Optional.of(torch.getFunction(symbol));
        } catch (UnsatisfiedLinkError e) {
            return Optional.empty();
        }
    }

    /** A mangled name has the length of each part before it. */
    private static String name(String method) {
        return CLASS + method.length() + method + "E";
    }

    private static EngineException missing(UnsatisfiedLinkError e) {
        return new EngineException("this libtorch does not export its settings", e);
    }
}
