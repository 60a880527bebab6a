package io.github.maskalign.core.distributed.internal;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import io.github.maskalign.core.script.internal.InPlace;
import java.nio.ByteBuffer;

/** The memory of arrays, as native libraries want it. */
final class HostMemory {
    private HostMemory() {}

    /** What is done with the memory of an array. */
    @FunctionalInterface
    interface Use {
        /** Reads or writes the elements, row-major; valid during the call alone. */
        void at(Pointer elements);
    }

    /**
     * Lends the memory of an array; that of a GPU is copied to the host and back.
     *
     * @throws IllegalArgumentException when the array is not contiguous or has 2 GiB or more
     */
    static void lend(NDArray array, Use use) {
        if (array.size() == 0) {
            return;
        }
        if (array.getDevice().isGpu()) {
            try (NDArray host = array.toDevice(Device.cpu(), true)) {
                use.at(pointer(host));
                InPlace.copy(host, array); // set(buffer) would give the array other memory
            }
            return;
        }
        use.at(pointer(array));
    }

    /** Returns the address of the first element; the array must stay open while it is used. */
    private static Pointer pointer(NDArray array) {
        long bytes = array.size() * array.getDataType().getNumOfBytes();
        if (bytes > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("an array that travels between ranks must have less than 2 GiB but "
                    + array.getShape() + " has " + bytes + " bytes");
        }
        ByteBuffer memory = array.toByteBuffer(true);
        ByteBuffer again = array.toByteBuffer(true);
        Pointer pointer = Native.getDirectBufferPointer(memory);
        if (!pointer.equals(Native.getDirectBufferPointer(again))) { // the engine handed out rearranged copies
            throw new IllegalArgumentException("only a contiguous array can travel between ranks but "
                    + array.getShape() + " is a view with other strides");
        }
        return pointer;
    }
}
