package io.github.maskalign.core.data.internal;

import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.core.files.internal.HalfFloat;
import java.nio.ByteBuffer;

/** How real numbers are stored. */
public enum FloatCode {
    /** As they are. */
    FLOAT32(TensorType.F32),
    /** Rounded to binary16: relative error at most 2⁻¹¹ between 6e-5 and 65504. */
    FLOAT16(TensorType.F16),
    /**
     * One byte a number and one float32 scale a row: round(x / scale), scale = max|x| / 127. The error of a number is
     * at most half the scale of its row.
     */
    INT8_PER_ROW(TensorType.I8);

    private static final int LEVELS = 127;

    private final TensorType type;

    FloatCode(TensorType type) {
        this.type = type;
    }

    /** Returns the type of the stored elements. */
    public TensorType type() {
        return type;
    }

    /** Returns the bytes of {@code count} numbers, scales not counted. */
    public int bytes(int count) {
        return Math.multiplyExact(count, type.bits() / 8);
    }

    /**
     * Appends one row.
     *
     * @param row the numbers; for INT8_PER_ROW finite
     * @param out little-endian
     * @return the row's scale; 1 for the other codes
     * @throws IllegalArgumentException if a number cannot be stored
     */
    float encode(float[] row, ByteBuffer out) {
        float scale = this == INT8_PER_ROW ? scale(row) : 1;
        for (float x : row) {
            if (!Float.isFinite(x)) {
                throw new IllegalArgumentException("a number to store is " + x);
            }
            switch (this) {
                case FLOAT32 -> out.putFloat(x);
                case FLOAT16 -> {
                    if (Math.abs(x) > 65504) {
                        throw new IllegalArgumentException("a number is too large for float16: " + x);
                    }
                    out.putShort(HalfFloat.ofFloat(x));
                }
                case INT8_PER_ROW -> out.put((byte) Math.rint(x / scale));
            }
        }
        return scale;
    }

    /** Reads {@code count} numbers of one row. */
    void decode(ByteBuffer in, float scale, float[] target, int from, int count) {
        for (int i = from; i < from + count; i++) {
            target[i] = switch (this) {
                case FLOAT32 -> in.getFloat();
                case FLOAT16 -> HalfFloat.toFloat(in.getShort());
                case INT8_PER_ROW -> in.get() * scale;
            };
        }
    }

    private static float scale(float[] row) {
        float most = 0;
        for (float x : row) {
            most = Math.max(most, Math.abs(x));
        }
        return most == 0 ? 1 : most / LEVELS;
    }
}
