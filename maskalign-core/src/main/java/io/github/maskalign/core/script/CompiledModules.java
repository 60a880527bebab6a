package io.github.maskalign.core.script;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.engine.internal.NativeExit;
import io.github.maskalign.core.script.ScriptExporter.ScriptArchive;
import io.github.maskalign.core.script.internal.PickleOutput;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.WeakHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The compiled functions of one thread.
 *
 * <p>libtorch keeps the switch of its graph optimiser per thread and ignores it for a method that has been
 * optimised once; a module used by two threads could so change its bits. Therefore each thread compiles
 * its own copy (a few milliseconds a function) after switching the optimiser off. Modules are native memory that
 * only {@link #release} frees: the end of the thread does not.
 */
final class CompiledModules {
    static {
        NativeExit.install();
    }

    private static final ThreadLocal<@Nullable CompiledModules> THIS_THREAD = new ThreadLocal<>();

    private final PtNDManager manager;
    private final Map<String, PtSymbolBlock> modules = new HashMap<>();
    private final Map<ScriptFunction, PtSymbolBlock> byFunction = new WeakHashMap<>();

    private CompiledModules() {
        // scalars are read back by the interpreter: on the CPU that needs no wait for an accelerator
        manager = (PtNDManager) Engine.getEngine("PyTorch").newBaseManager(Device.cpu());
        JniUtils.setGraphExecutorOptimize(false);
    }

    static CompiledModules ofThisThread() {
        CompiledModules own = THIS_THREAD.get();
        if (own == null) {
            own = new CompiledModules();
            THIS_THREAD.set(own);
        }
        return own;
    }

    /** The owner of the modules and of each call's scalars. */
    NDManager manager() {
        return manager;
    }

    /** Frees the compiled functions of this thread; the next call compiles anew. */
    static void release() {
        CompiledModules own = THIS_THREAD.get();
        THIS_THREAD.remove();
        if (own != null) {
            own.manager.close(); // and with it every module
        }
    }

    NDList run(ScriptFunction function, NDManager owner, Object[] arguments) {
        PtSymbolBlock module = byFunction.computeIfAbsent(function, this::compile);
        NDList inputs = new NDList();
        Map<NDArray, @Nullable String> names = new IdentityHashMap<>();
        List<NDArray> temporary = new ArrayList<>();
        int group = 0;
        try {
            for (Object argument : arguments) {
                if (argument instanceof NDArray array) {
                    inputs.add(named(array, null, names, temporary));
                } else if (argument instanceof NDList list) {
                    // the engine gathers inputs whose names match "word[]" into one List[Tensor]
                    String key = "list" + group++ + "[]";
                    for (NDArray array : list) {
                        inputs.add(named(array, key, names, temporary));
                    }
                } else {
                    NDArray scalar = scalar(argument);
                    temporary.add(scalar);
                    inputs.add(scalar);
                }
            }
            NDList results = module.forward(new ParameterStore(manager, false), inputs, true);
            results.attach(owner);
            return results;
        } catch (EngineException e) {
            throw new EngineException("script function " + function.name() + " failed: " + describe(arguments), e);
        } finally {
            names.forEach(NDArray::setName);
            temporary.forEach(NDArray::close);
        }
    }

    /**
     * Returns the array under the name that tells the engine where it belongs. An array that is already in this call
     * under another name is given as a second handle of the same tensor, which has a name of its own.
     */
    private static NDArray named(
            NDArray array, @Nullable String name, Map<NDArray, @Nullable String> names, List<NDArray> temporary) {
        if (!names.containsKey(array)) {
            names.put(array, array.getName());
            array.setName(name);
            return array;
        }
        if (Objects.equals(array.getName(), name)) {
            return array;
        }
        // a conversion to its own type and device gives the tensor itself, with its place in the graph
        NDArray handle = JniUtils.to((PtNDArray) array, array.getDataType(), array.getDevice());
        temporary.add(handle);
        handle.setName(name);
        return handle;
    }

    private NDArray scalar(Object value) {
        if (value instanceof Boolean b) {
            return manager.create(b ? 1L : 0L);
        }
        Number n = (Number) value;
        return n instanceof Integer || n instanceof Long
                ? manager.create(n.longValue())
                : manager.create(n.doubleValue());
    }

    private PtSymbolBlock compile(ScriptFunction function) {
        return modules.computeIfAbsent(function.moduleCode(), code -> {
            try {
                return JniUtils.loadModule(manager, new ByteArrayInputStream(archive(code)), true, false);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            } catch (EngineException e) {
                throw new EngineException("script function " + function.name() + " does not compile:\n" + code, e);
            }
        });
    }

    /** Returns the archive of {@link ScriptFunction#moduleCode}, as the engine and {@code torch.jit.load} read it. */
    static byte[] archive(String code) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ScriptArchive archive = new ScriptArchive(bytes)) {
            PickleOutput pickle = new PickleOutput();
            pickle.beginObject("Fn");
            pickle.text("training").bool(true);
            pickle.endObject();
            archive.module(code, pickle.finish());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    private static String describe(Object[] arguments) {
        List<String> out = new ArrayList<>();
        for (Object a : arguments) {
            if (a instanceof NDArray array) {
                out.add(array.getShape() + " " + array.getDataType());
            } else if (a instanceof NDList list) {
                out.add("list of " + list.size());
            } else {
                out.add(String.valueOf(a));
            }
        }
        return String.join(", ", out);
    }
}
