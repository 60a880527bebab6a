package io.github.maskalign.core.files.internal;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;

/**
 * A second handle of an array on the CPU that says it is on a GPU, so that this library and DJL take the ways they take
 * for GPUs: {@code set} gives the tensor other memory, and reading leaves copies in the array's manager.
 */
public final class PretendedGpuArray extends PtNDArray {
    private PretendedGpuArray(PtNDManager manager, long handle) {
        super(manager, handle);
    }

    /** Returns the handle; it works while {@code array}, which owns the tensor, is open. */
    public static NDArray of(NDArray array) {
        return new PretendedGpuArray((PtNDManager) array.getManager(), ((PtNDArray) array).getHandle());
    }

    @Override
    public Device getDevice() {
        return Device.gpu(0);
    }

    @Override
    public void close() {
        getManager().detachInternal(getUid()); // the tensor is another's
    }
}
