package io.github.maskalign.sit.weights.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A tensor of floating-point numbers in another type, rounded to the nearest, ties to even, as it is sent. Numbers
 * beyond the largest of F16 or BF16 become infinite, as in PyTorch.
 *
 * @param source the tensor
 * @param type F32, F16 or BF16
 */
public record RoundedTensor(TensorSource source, TensorType type) implements TensorSource {
    /** Checks the type. */
    public RoundedTensor {
        if (type != TensorType.F32 && type != TensorType.F16 && type != TensorType.BF16) {
            throw new IllegalArgumentException("type must be F32, F16 or BF16 but was " + type);
        }
    }

    /** Returns the tensor itself unless it holds floating-point numbers of another type. */
    public static TensorSource of(TensorSource source, TensorType type) {
        return source.type() == type || !source.type().isFloat() ? source : new RoundedTensor(source, type);
    }

    @Override
    public Shape shape() {
        return source.shape();
    }

    @Override
    public String origin() {
        return source.origin();
    }

    @Override
    public void sendTo(Sink sink) throws IOException {
        TensorStream.floats(source, values -> {
            ByteBuffer chunk =
                    ByteBuffer.allocate(values.length * type.bits() / 8).order(ByteOrder.LITTLE_ENDIAN);
            for (float value : values) {
                switch (type) {
                    case F32 -> chunk.putFloat(value);
                    case F16 -> chunk.putShort(toHalf(value));
                    default -> chunk.putShort(toBfloat16(value));
                }
            }
            sink.accept(chunk.flip());
        });
    }

    static short toBfloat16(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            return (short) (bits >>> 16 | 0x40); // stays a NaN when the lower half goes
        }
        return (short) (bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
    }

    static short toHalf(float value) {
        int bits = Float.floatToRawIntBits(value);
        int sign = bits >>> 16 & 0x8000;
        int magnitude = bits & 0x7fff_ffff;
        if (magnitude > 0x7f80_0000) {
            return (short) (sign | 0x7e00 | magnitude >>> 13 & 0x1ff); // NaN
        }
        if (magnitude >= 0x477f_f000) {
            return (short) (sign | 0x7c00); // 65520 and more round to infinity
        }
        if (magnitude >= 0x3880_0000) { // normal from 2^-14 on: bias 127 to 15
            int rounded = magnitude - 0x3800_0000 + 0xfff + (magnitude >>> 13 & 1);
            return (short) (sign | rounded >>> 13);
        }
        // A multiple of 2^-24; adding 2^-1, whose last place that is, lets the machine round.
        float shifted = Float.intBitsToFloat(magnitude) + 0.5f;
        return (short) (sign | Float.floatToRawIntBits(shifted) - 0x3f00_0000);
    }
}
