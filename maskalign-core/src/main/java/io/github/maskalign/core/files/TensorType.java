package io.github.maskalign.core.files;

import ai.djl.ndarray.types.DataType;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Element types of a safetensors file, in the order in which the reference writer lays tensors out (last first).
 *
 * <p>All have a known size, so a file that holds them can be opened. Types without {@link #dataType()} cannot become
 * an NDArray: DJL's PyTorch engine ends the JVM on bfloat16 and on 16-bit and unsigned wide integers, and knows none
 * of the small floats. BF16 is read as FLOAT32.
 */
public enum TensorType {
    BOOL(8, DataType.BOOLEAN),
    F4(4, null),
    F6_E2M3(6, null),
    F6_E3M2(6, null),
    U8(8, DataType.UINT8),
    I8(8, DataType.INT8),
    F8_E5M2(8, null),
    F8_E4M3(8, null),
    F8_E8M0(8, null),
    F8_E4M3FNUZ(8, null),
    F8_E5M2FNUZ(8, null),
    I16(16, null),
    U16(16, null),
    F16(16, DataType.FLOAT16),
    BF16(16, DataType.FLOAT32),
    I32(32, DataType.INT32),
    U32(32, null),
    F32(32, DataType.FLOAT32),
    C64(64, null),
    F64(64, DataType.FLOAT64),
    I64(64, DataType.INT64),
    U64(64, null);

    private final int bits;
    private final @Nullable DataType dataType;

    TensorType(int bits, @Nullable DataType dataType) {
        this.bits = bits;
        this.dataType = dataType;
    }

    /** Returns the size of one element in bits. */
    public int bits() {
        return bits;
    }

    /** Returns the type of the NDArray that such a tensor becomes, if any. */
    public Optional<DataType> dataType() {
        return Optional.ofNullable(dataType);
    }

    /** Tells whether {@link TensorSource#floats()} reads this type. */
    public boolean isFloat() {
        return this == F32 || this == F16 || this == BF16 || this == F64;
    }

    /** Tells whether {@link TensorSource#longs()} reads this type. */
    public boolean isInteger() {
        return switch (this) {
            case BOOL, U8, I8, I16, U16, I32, U32, I64 -> true;
            default -> false;
        };
    }

    /**
     * Returns the type that stores NDArrays of a DJL type without change.
     *
     * @throws IllegalArgumentException for types that no tensor of an engine here has, such as strings
     */
    public static TensorType of(DataType dataType) {
        for (TensorType type : values()) {
            if (type.dataType == dataType && type != BF16) {
                return type;
            }
        }
        throw new IllegalArgumentException("an array of type " + dataType + " cannot be stored as a tensor");
    }

    /** Returns the size of a tensor in bytes, or -1 if it is not a whole number that a long can hold. */
    public long byteSize(long[] shape) {
        try {
            long total = 1;
            for (long s : shape) {
                total = Math.multiplyExact(total, s);
            }
            total = Math.multiplyExact(total, bits);
            return total % 8 == 0 ? total / 8 : -1;
        } catch (ArithmeticException e) {
            return -1;
        }
    }
}
