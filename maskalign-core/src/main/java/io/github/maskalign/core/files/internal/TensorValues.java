package io.github.maskalign.core.files.internal;

import ai.djl.ndarray.types.DataType;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.util.List;

/** Turns the bytes of a {@link TensorSource} into numbers. */
public final class TensorValues {
    public static final String ARRAY_TYPES = "F32, F64, F16, BF16, I64, I32, I8, U8 and BOOL";
    private static final int MAX_JAVA_LENGTH = Integer.MAX_VALUE - 8;

    private TensorValues() {}

    public static int javaLength(TensorSource source) throws CheckpointFormatException {
        long size = source.shape().size();
        if (size > MAX_JAVA_LENGTH) {
            throw new CheckpointFormatException(
                    source.origin(),
                    List.of("has " + size + " elements but a Java array holds at most " + MAX_JAVA_LENGTH));
        }
        return (int) size;
    }

    public static CheckpointFormatException wrongType(TensorSource source, String use, String allowed) {
        return new CheckpointFormatException(
                source.origin(), List.of("has type " + source.type() + " but can be " + use + " only for " + allowed));
    }

    public static void requireFills(TensorSource source, DataType dataType) throws CheckpointFormatException {
        TensorType type = source.type();
        boolean same = type != TensorType.BF16
                && type.dataType().filter(dataType::equals).isPresent();
        boolean converts =
                (dataType == DataType.FLOAT32 && type.isFloat()) || (dataType == DataType.INT64 && type.isInteger());
        if (!same && !converts) {
            throw new CheckpointFormatException(
                    source.origin(), List.of("has type " + type + " but the array has " + dataType));
        }
    }

    /** Fills the memory of an array of type {@code dataType}. */
    public static void fill(TensorSource source, DataType dataType, ByteBuffer memory) throws IOException {
        boolean same = source.type() != TensorType.BF16
                && source.type().dataType().filter(dataType::equals).isPresent();
        if (same) {
            bytes(source, memory);
        } else if (dataType == DataType.FLOAT32) {
            floats(source, memory.asFloatBuffer());
        } else {
            longs(source, memory.asLongBuffer());
        }
    }

    private static void bytes(TensorSource source, ByteBuffer out) throws IOException {
        ByteBuffer filled = out.duplicate();
        source.readInto(out);
        requireFull(source, out.remaining());
        if (source.type() == TensorType.BOOL) {
            requireBooleans(source, filled);
        }
    }

    public static void floats(TensorSource source, FloatBuffer out) throws IOException {
        if (!source.type().isFloat()) {
            throw wrongType(source, "read as floats", "F32, F16, BF16 and F64");
        }
        source.sendTo(chunk -> {
            chunk.order(ByteOrder.LITTLE_ENDIAN);
            switch (source.type()) {
                case F32 -> out.put(chunk.asFloatBuffer());
                case F64 -> {
                    for (DoubleBuffer values = chunk.asDoubleBuffer(); values.hasRemaining(); ) {
                        out.put((float) values.get());
                    }
                }
                case F16 -> {
                    while (chunk.hasRemaining()) {
                        out.put(HalfFloat.toFloat(chunk.getShort()));
                    }
                }
                default -> {
                    while (chunk.hasRemaining()) {
                        out.put(Float.intBitsToFloat(chunk.getShort() << 16)); // bfloat16: the upper half of a float
                    }
                }
            }
        });
        requireFull(source, out.remaining());
    }

    public static void longs(TensorSource source, LongBuffer out) throws IOException {
        if (!source.type().isInteger()) {
            throw wrongType(source, "read as integers", "I64, I32, I16, I8, U32, U16, U8 and BOOL");
        }
        source.sendTo(chunk -> {
            chunk.order(ByteOrder.LITTLE_ENDIAN);
            if (source.type() == TensorType.BOOL) {
                requireBooleans(source, chunk);
            }
            while (chunk.hasRemaining()) {
                out.put(
                        switch (source.type()) {
                            case I64 -> chunk.getLong();
                            case I32 -> chunk.getInt();
                            case U32 -> Integer.toUnsignedLong(chunk.getInt());
                            case I16 -> chunk.getShort();
                            case U16 -> Short.toUnsignedLong(chunk.getShort());
                            case I8 -> chunk.get();
                            default -> Byte.toUnsignedLong(chunk.get());
                        });
            }
        });
        requireFull(source, out.remaining());
    }

    /** libtorch takes any byte for a boolean and then computes nonsense. */
    private static void requireBooleans(TensorSource source, ByteBuffer chunk) throws CheckpointFormatException {
        for (int i = chunk.position(); i < chunk.limit(); i++) {
            if ((chunk.get(i) & ~1) != 0) {
                throw new CheckpointFormatException(
                        source.origin(),
                        List.of("a BOOL must be stored as 0 or 1 but one is " + (chunk.get(i) & 0xff)));
            }
        }
    }

    private static void requireFull(TensorSource source, int missing) {
        if (missing > 0) {
            throw new IllegalStateException(source.origin() + " lacks " + missing + " of its elements");
        }
    }
}
