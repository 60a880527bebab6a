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
import java.util.List;

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
        try (NDManager scratch = manager.newSubManager()) {
            for (int i = 0; i < arguments.size(); i++) {
                for (NDArray array : arguments.get(i)) {
                    // a handle of its own, as names are instructions and an array may stand in several places
                    NDArray handle = JniUtils.to((PtNDArray) array, array.getDataType(), array.getDevice());
                    handle.attach(scratch);
                    handle.setName(lists.get(i) ? "list" + i + "[]" : null);
                    inputs.add(handle);
                }
            }
            NDList results = module.forward(new ParameterStore(manager, false), inputs, true);
            results.attach(owner);
            return results;
        }
    }

    @Override
    public void close() {
        module.close();
        manager.close();
    }
}
