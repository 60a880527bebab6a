package io.github.maskalign.core.script;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.training.ParameterStore;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/** Calls an archive of {@link ScriptRecording}, as another program would: arrays and lists of arrays go in, arrays come out. */
public final class ScriptReplay implements AutoCloseable {
    private final PtNDManager manager;
    private final PtSymbolBlock module;

    private ScriptReplay(PtNDManager manager, PtSymbolBlock module) {
        this.manager = manager;
        this.module = module;
    }

    /** Opens the bytes of an archive. */
    public static ScriptReplay open(byte[] archive) throws IOException {
        PtNDManager manager = (PtNDManager) Engine.getEngine("PyTorch").newBaseManager(Device.cpu());
        JniUtils.setGraphExecutorOptimize(false);
        return new ScriptReplay(manager, JniUtils.loadModule(manager, new ByteArrayInputStream(archive), true, false));
    }

    /** Calls it; results belong to {@code owner}. */
    public NDList call(NDManager owner, List<NDList> arguments, List<Boolean> lists) {
        NDList inputs = new NDList();
        Map<NDArray, String> names = new IdentityHashMap<>();
        try (NDManager scratch = manager.newSubManager()) {
            for (int i = 0; i < arguments.size(); i++) {
                String name = lists.get(i) ? "list" + i + "[]" : "";
                for (NDArray array : arguments.get(i)) {
                    NDArray handle = array;
                    if (!names.getOrDefault(array, name).equals(name)) {
                        // names are instructions, so an array that stands in two places has a second handle
                        handle = JniUtils.to((PtNDArray) array, array.getDataType(), array.getDevice());
                        handle.attach(scratch);
                    } else {
                        names.put(array, name);
                    }
                    handle.setName(name.isEmpty() ? null : name);
                    inputs.add(handle);
                }
            }
            NDList results = module.forward(new ParameterStore(manager, false), inputs, true);
            results.attach(owner);
            return results;
        } finally {
            names.keySet().forEach(array -> array.setName(null));
        }
    }

    @Override
    public void close() {
        module.close();
        manager.close();
    }
}
