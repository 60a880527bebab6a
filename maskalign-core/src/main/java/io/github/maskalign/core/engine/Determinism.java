package io.github.maskalign.core.engine;

import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.nio.file.Path;

/**
 * Lets the engine use only algorithms that give equal bits for equal inputs, in the whole process, until it is closed.
 *
 * <p>It is what {@code torch.use_deterministic_algorithms(True)} does in Python, with cuDNN's deterministic algorithms
 * and without its search for the fastest one. DJL has no call for it; libtorch exports the functions of its settings.
 * On a CPU the engine is deterministic anyhow for a given number of threads. On a GPU an operation that has no
 * deterministic algorithm fails with a message that names it, and cuBLAS needs {@code CUBLAS_WORKSPACE_CONFIG} in the
 * environment.
 */
public final class Determinism implements AutoCloseable {
    private final NativeLibrary torch;
    private final Pointer settings;
    private final boolean before;

    private Determinism(NativeLibrary torch, Pointer settings) {
        this.torch = torch;
        this.settings = settings;
        before = isOn(torch, settings);
    }

    /**
     * Switches it on.
     *
     * @throws EngineException if the engine's library is not found or does not export its settings
     */
    public static Determinism on() {
        NativeLibrary torch = library();
        try {
            Determinism mode = new Determinism(torch, settings(torch));
            mode.set(true);
            return mode;
        } catch (UnsatisfiedLinkError e) {
            throw new EngineException("this libtorch does not export its settings", e);
        }
    }

    /** Tells whether it is on. */
    public static boolean isOn() {
        NativeLibrary torch = library();
        return isOn(torch, settings(torch));
    }

    private void set(boolean on) {
        call("setDeterministicAlgorithmsEbb", on, false); // an error, not a warning: some kernels heed nothing less
        call("setDeterministicCuDNNEb", on);
        call("setDeterministicFillUninitializedMemoryEb", false); // nothing here reads memory before writing it
        if (on) {
            call("setBenchmarkCuDNNEb", false); // the fastest algorithm is another one each time
        }
        if (isOn(torch, settings) != on) {
            throw new EngineException("the engine does not take the setting of deterministic algorithms");
        }
    }

    /** The mangled name starts with the length of the method's name. */
    private void call(String method, boolean... values) {
        int length = method.lastIndexOf("Eb");
        Object[] arguments = new Object[1 + values.length];
        arguments[0] = settings;
        for (int i = 0; i < values.length; i++) {
            arguments[1 + i] = values[i] ? 1 : 0;
        }
        torch.getFunction("_ZN2at7Context" + length + method).invokeVoid(arguments);
    }

    private static boolean isOn(NativeLibrary torch, Pointer settings) {
        Function function = torch.getFunction("_ZNK2at7Context23deterministicAlgorithmsEv");
        return (function.invokeInt(new Object[] {settings}) & 0xff) != 0; // a bool is one byte of the register
    }

    private static Pointer settings(NativeLibrary torch) {
        return torch.getFunction("_ZN2at13globalContextEv").invokePointer(new Object[0]);
    }

    private static NativeLibrary library() {
        Engine.getEngine("PyTorch"); // loads the native library
        Path file = LoadedLibraries.find("libtorch_cpu.so")
                .orElseThrow(() -> new EngineException("the loaded libtorch_cpu.so was not found"));
        return NativeLibrary.getInstance(file.toString());
    }

    @Override
    public void close() {
        set(before);
    }
}
