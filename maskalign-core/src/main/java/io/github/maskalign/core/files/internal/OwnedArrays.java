package io.github.maskalign.core.files.internal;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.core.script.internal.InPlace;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * NDArrays whose memory belongs to the engine.
 *
 * <p>{@code manager.create(float[], shape)} and {@code array.set(buffer)} of DJL's PyTorch engine let a CPU array
 * point into a Java buffer that lives only as long as the Java object: when autograd has saved the array and the
 * object is collected, the backward pass reads freed memory. Arrays made here are allocated by the engine and filled
 * through a view, so they live as long as anything in the engine uses them.
 */
public final class OwnedArrays {
    private OwnedArrays() {}

    /** Fills all elements of a new array. */
    @FunctionalInterface
    public interface Filler {
        /** Writes every byte of {@code memory}: row-major elements in the machine's byte order. */
        void fill(ByteBuffer memory) throws IOException;
    }

    /** Returns a FLOAT32 array of these values on the manager's device. */
    public static NDArray of(NDManager manager, Shape shape, float[] values) {
        requireSize(shape, values.length);
        return createInMemory(
                manager, shape, DataType.FLOAT32, m -> m.asFloatBuffer().put(values));
    }

    /** Returns an INT64 array of these values on the manager's device. */
    public static NDArray of(NDManager manager, Shape shape, long[] values) {
        requireSize(shape, values.length);
        return createInMemory(
                manager, shape, DataType.INT64, m -> m.asLongBuffer().put(values));
    }

    /** Returns a UINT8 array of these bytes on the manager's device. */
    public static NDArray of(NDManager manager, Shape shape, byte[] values) {
        requireSize(shape, values.length);
        return createInMemory(manager, shape, DataType.UINT8, m -> m.put(values));
    }

    /**
     * Returns a new array on the manager's device that {@code filler} has filled; nothing is left of it when the
     * filler throws.
     *
     * @throws IllegalArgumentException for types that end the JVM, and for 2 GiB or more
     */
    public static NDArray create(NDManager manager, Shape shape, DataType type, Filler filler) throws IOException {
        TensorType.of(type); // refuses the types that end the JVM
        try (NDManager scratch = manager.newSubManager(Device.cpu())) {
            NDArray host = scratch.create(shape, type);
            if (host.size() > 0) {
                filler.fill(memoryOf(host));
            }
            NDArray array = manager.getDevice().isGpu() ? host.toDevice(manager.getDevice(), true) : host;
            array.attach(manager);
            return array;
        }
    }

    /**
     * Overwrites the elements of an array where it is: its memory, gradient and place in a block stay. Not for arrays
     * that a recorded computation still needs.
     *
     * @throws IllegalArgumentException when an array on the CPU is not contiguous
     */
    public static void overwrite(NDArray target, Filler filler) throws IOException {
        if (target.size() == 0) {
            return;
        }
        if (target.getDevice().isGpu()) {
            try (NDManager scratch = target.getManager().newSubManager(Device.cpu())) {
                NDArray host = scratch.create(target.getShape(), target.getDataType());
                filler.fill(memoryOf(host));
                InPlace.copy(host, target); // set(buffer) would give the array other memory
            }
            return;
        }
        ByteBuffer memory = memoryOf(target);
        ByteBuffer again = memoryOf(target);
        byte first = memory.get(0);
        memory.put(0, (byte) ~first);
        boolean shared = again.get(0) == (byte) ~first;
        memory.put(0, first);
        if (!shared) { // the engine handed out a rearranged copy
            throw new IllegalArgumentException("only a contiguous array can be overwritten but " + target.getShape()
                    + " is a view with other strides");
        }
        filler.fill(memory);
    }

    private static ByteBuffer memoryOf(NDArray array) {
        byteSize(array);
        return array.toByteBuffer(true).order(ByteOrder.nativeOrder());
    }

    private static int byteSize(NDArray array) {
        long bytes = array.size() * array.getDataType().getNumOfBytes();
        if (bytes > Integer.MAX_VALUE) {
            throw new IllegalArgumentException(
                    "an array must have less than 2 GiB but " + array.getShape() + " has " + bytes + " bytes");
        }
        return (int) bytes;
    }

    private static NDArray createInMemory(NDManager manager, Shape shape, DataType type, Filler filler) {
        try {
            return create(manager, shape, type, filler);
        } catch (IOException e) { // filling from memory reads no file
            throw new UncheckedIOException(e);
        }
    }

    private static void requireSize(Shape shape, int count) {
        if (shape.size() != count) {
            throw new IllegalArgumentException(
                    "shape " + shape + " has " + shape.size() + " elements but " + count + " values were given");
        }
    }
}
