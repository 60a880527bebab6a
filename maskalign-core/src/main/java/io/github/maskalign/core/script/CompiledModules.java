package io.github.maskalign.core.script;

import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.training.ParameterStore;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;

/**
 * The compiled functions of one thread.
 *
 * <p>libtorch keeps the switch of its graph optimiser per thread and ignores it for a method that has been
 * optimised once; a module used by two threads could so change its bits. Therefore each thread compiles
 * its own copy (a few milliseconds a function) after switching the optimiser off.
 */
final class CompiledModules {
    private static final ThreadLocal<CompiledModules> THIS_THREAD = ThreadLocal.withInitial(CompiledModules::new);

    private final PtNDManager manager;
    private final Map<String, PtSymbolBlock> modules = new HashMap<>();
    private final Map<ScriptFunction, PtSymbolBlock> byFunction = new WeakHashMap<>();

    private CompiledModules() {
        manager = (PtNDManager) Engine.getEngine("PyTorch").newBaseManager();
        JniUtils.setGraphExecutorOptimize(false);
    }

    static CompiledModules ofThisThread() {
        return THIS_THREAD.get();
    }

    NDList run(ScriptFunction function, NDManager owner, Object[] arguments) {
        PtSymbolBlock module = byFunction.computeIfAbsent(function, this::compile);
        NDList inputs = new NDList();
        List<String> names = new ArrayList<>();
        List<NDArray> temporary = new ArrayList<>();
        int group = 0;
        for (Object argument : arguments) {
            if (argument instanceof NDArray array) {
                names.add(array.getName());
                inputs.add(array);
                array.setName(null);
            } else if (argument instanceof NDList list) {
                // the engine gathers inputs whose names match "word[]" into one List[Tensor]
                String key = "list" + group++ + "[]";
                for (NDArray array : list) {
                    names.add(array.getName());
                    inputs.add(array);
                    array.setName(key);
                }
            } else {
                NDArray scalar = scalar(argument);
                temporary.add(scalar);
                names.add(null);
                inputs.add(scalar);
            }
        }
        try {
            NDList results = module.forward(new ParameterStore(manager, false), inputs, true);
            results.attach(owner);
            return results;
        } catch (EngineException e) {
            throw new EngineException("script function " + function.name() + " failed: " + describe(arguments), e);
        } finally {
            // backwards: an array given twice had its own name at its first place
            for (int i = names.size() - 1; i >= 0; i--) {
                inputs.get(i).setName(names.get(i));
            }
            temporary.forEach(NDArray::close);
        }
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
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            try (ScriptArchive archive = new ScriptArchive(bytes)) {
                archive.module(code, TensorPickle.flags("Fn", Map.of("training", true)));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            try {
                return JniUtils.loadModule(manager, new ByteArrayInputStream(bytes.toByteArray()), true, false);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            } catch (EngineException e) {
                throw new EngineException("script function " + function.name() + " does not compile:\n" + code, e);
            }
        });
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
