package io.github.maskalign.core.files.internal;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import java.io.IOException;
import java.nio.Buffer;
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

    /** IEEE 754 binary16 numbers, as they lie in files: 1 sign, 5 exponent and 10 fraction bits. */
    public static final class HalfFloat {
        private static final int LARGEST = 0x477fefff; // the last float below 65520, which rounds to 65504

        private HalfFloat() {}

        /** Widens a number; exact, and NaN keeps its payload. */
        public static float toFloat(short half) {
            int sign = (half & 0x8000) << 16;
            int exponent = (half >>> 10) & 0x1f;
            int fraction = half & 0x3ff;
            if (exponent == 0) {
                return Math.copySign(fraction * 0x1p-24f, Float.intBitsToFloat(sign));
            }
            int wide = exponent == 0x1f ? 0xff : exponent - 15 + 127;
            return Float.intBitsToFloat(sign | (wide << 23) | (fraction << 13));
        }

        /** Narrows a number, to nearest, ties to even; beyond 65504 it becomes infinite, NaN stays NaN. */
        public static short ofFloat(float value) {
            int bits = Float.floatToRawIntBits(value);
            int sign = (bits >>> 16) & 0x8000;
            int magnitude = bits & 0x7fffffff;
            if (magnitude > 0x7f800000) {
                return (short) (sign | 0x7e00);
            }
            if (magnitude > LARGEST) {
                return (short) (sign | 0x7c00);
            }
            if (magnitude < 0x38800000) { // below 2^-14: multiples of 2^-24, and float addition does the rounding
                float shifted = Float.intBitsToFloat(magnitude) + 0.5f;
                return (short) (sign | (Float.floatToRawIntBits(shifted) - 0x3f000000));
            }
            int rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
            return (short) (sign | ((rounded - 0x38000000) >>> 13));
        }
    }

    /** A tensor in an NDArray. Its bytes are seen through a view of the engine's memory; libtorch is little-endian. */
    public record ArrayTensor(NDArray array, TensorType type, Shape shape) implements TensorSource {
        private static final int CHUNK_BYTES = 8 << 20;

        @Override
        public String origin() {
            String name = array.getName();
            return name == null ? "array " + shape : "array " + StrictJson.quote(name);
        }

        @Override
        public void sendTo(Sink sink) throws IOException {
            long size = byteSize();
            if (size == 0) {
                return;
            }
            if (size > Integer.MAX_VALUE) {
                throw new IllegalArgumentException(
                        origin() + " must have less than 2 GiB to leave the engine but has " + size + " bytes");
            }
            // Copies that the engine makes of views and of device memory belong to the scratch manager.
            try (NDManager scratch = array.getManager().newSubManager(Device.cpu())) {
                NDArray flat = array.flatten();
                flat.attach(scratch);
                if (flat.getDevice().isGpu()) {
                    flat = flat.toDevice(Device.cpu(), true);
                }
                ByteBuffer bytes = flat.toByteBuffer(true);
                while (bytes.hasRemaining()) {
                    int count = Math.min(CHUNK_BYTES, bytes.remaining());
                    sink.accept(bytes.slice(bytes.position(), count).order(bytes.order()));
                    bytes.position(bytes.position() + count);
                }
            }
        }
    }

    /** A tensor in a Java array. */
    public record HeapTensor(TensorType type, Shape shape, Buffer values) implements TensorSource {
        private static final int CHUNK_ELEMENTS = 1 << 17;

        public static HeapTensor of(Shape shape, Buffer values) {
            if (shape.size() != values.remaining()) {
                throw new IllegalArgumentException("shape " + shape + " has " + shape.size() + " elements but "
                        + values.remaining() + " values were given");
            }
            return new HeapTensor(values instanceof FloatBuffer ? TensorType.F32 : TensorType.I64, shape, values);
        }

        @Override
        public void sendTo(Sink sink) throws IOException {
            int total = values.remaining();
            int elementBytes = type.bits() / 8;
            ByteBuffer chunk = ByteBuffer.allocate(Math.min(total, CHUNK_ELEMENTS) * elementBytes)
                    .order(ByteOrder.LITTLE_ENDIAN);
            for (int from = 0; from < total; from += CHUNK_ELEMENTS) {
                int count = Math.min(CHUNK_ELEMENTS, total - from);
                chunk.clear().limit(count * elementBytes);
                if (values instanceof FloatBuffer floats) {
                    chunk.asFloatBuffer().put(floats.slice(from, count));
                } else {
                    chunk.asLongBuffer().put(((LongBuffer) values).slice(from, count));
                }
                sink.accept(chunk);
            }
        }
    }
}
