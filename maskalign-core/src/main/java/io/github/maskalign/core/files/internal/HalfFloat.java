package io.github.maskalign.core.files.internal;

/** IEEE 754 binary16 numbers, as they lie in files: 1 sign, 5 exponent and 10 fraction bits. */
public final class HalfFloat {
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
