package io.github.maskalign.core.files;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.files.internal.TensorValues;
import io.github.maskalign.core.files.internal.TensorValues.ArrayTensor;
import io.github.maskalign.core.files.internal.TensorValues.HeapTensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.util.List;

/**
 * A tensor that can be read, wherever it is: in a file, in an NDArray or in a Java array. Nothing is loaded before
 * one of the reading methods is called, and nothing is kept after.
 *
 * <p>Implementing it takes the first three methods. All reading methods throw {@link CheckpointFormatException} when
 * the type does not fit.
 */
public interface TensorSource {
    /** Returns the type of the stored elements. */
    TensorType type();

    /** Returns the shape; rank 0 for a single number. */
    Shape shape();

    /** Sends all bytes in order: row-major elements, little-endian, each chunk whole elements, valid during the call. */
    void sendTo(Sink sink) throws IOException;

    /**
     * Fills the rest of a buffer, which has room for exactly {@link #byteSize()} bytes, with what {@link #sendTo} sends.
     * A source that can put it there without a step in between should.
     */
    default void readInto(ByteBuffer target) throws IOException {
        sendTo(target::put);
    }

    /** Returns what to call this tensor in a message. */
    default String origin() {
        return "tensor";
    }

    /** Takes a piece of a tensor. */
    @FunctionalInterface
    interface Sink {
        /** Reads all of {@code chunk}. */
        void accept(ByteBuffer chunk) throws IOException;
    }

    /** Returns a view on an NDArray; the array must stay open while the source is used. */
    static TensorSource of(NDArray array) {
        return new ArrayTensor(array, TensorType.of(array.getDataType()), array.getShape());
    }

    /** Returns an F32 tensor of these values, row-major; the array is not copied. */
    static TensorSource of(Shape shape, float[] values) {
        return HeapTensor.of(shape, FloatBuffer.wrap(values));
    }

    /** Returns an I64 tensor of these values, row-major; the array is not copied. */
    static TensorSource of(Shape shape, long[] values) {
        return HeapTensor.of(shape, LongBuffer.wrap(values));
    }

    /** Returns the number of bytes as stored. */
    default long byteSize() {
        long size = type().byteSize(shape().getShape());
        if (size < 0) {
            throw new IllegalStateException(origin() + " of type " + type() + " and shape " + shape()
                    + " has no whole number of bytes below 2^63");
        }
        return size;
    }

    /** Returns the values of an F32, F16, BF16 or F64 tensor as float32, row-major. */
    default float[] floats() throws IOException {
        float[] values = new float[TensorValues.javaLength(this)];
        TensorValues.floats(this, FloatBuffer.wrap(values));
        return values;
    }

    /** Returns the values of an I64, I32, I16, I8, U32, U16, U8 or BOOL (0 and 1) tensor, row-major. */
    default long[] longs() throws IOException {
        long[] values = new long[TensorValues.javaLength(this)];
        TensorValues.longs(this, LongBuffer.wrap(values));
        return values;
    }

    /**
     * Returns a new array on the manager's device that owns its memory. F32, F64, F16, I64, I32, I8, U8 and BOOL keep
     * their type. BF16 becomes FLOAT32, exactly: DJL's PyTorch engine ends the JVM when it meets a bfloat16 array.
     *
     * @throws IllegalArgumentException for 2 GiB or more
     */
    default NDArray read(NDManager manager) throws IOException {
        DataType dataType = type().dataType()
                .orElseThrow(() -> TensorValues.wrongType(this, "read as an array", TensorValues.ARRAY_TYPES));
        return OwnedArrays.create(manager, shape(), dataType, memory -> TensorValues.fill(this, dataType, memory));
    }

    /**
     * Overwrites an array of the same shape in place: its memory and its place in a block or optimiser stay. The type
     * must be the same, or FLOAT32 for a tensor that {@link #floats()} reads, or INT64 for one that {@link #longs()}
     * reads. When reading fails half way, the array holds old and new values.
     */
    default void copyTo(NDArray target) throws IOException {
        if (!target.getShape().equals(shape())) {
            throw new CheckpointFormatException(
                    origin(), List.of("has shape " + shape() + " but the array has " + target.getShape()));
        }
        DataType dataType = target.getDataType();
        TensorValues.requireFills(this, dataType);
        OwnedArrays.overwrite(target, memory -> TensorValues.fill(this, dataType, memory));
    }
}
