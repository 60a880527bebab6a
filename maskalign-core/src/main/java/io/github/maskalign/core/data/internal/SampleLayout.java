package io.github.maskalign.core.data.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.core.files.internal.TensorValues.HalfFloat;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * What a prepared set holds of each picture, besides its label and name.
 *
 * @param channels latent channels C
 * @param side side of the latent, H = W
 * @param moments how mean and standard deviation of the latent are stored, (2C, H, W)
 * @param imageSide side of the stored picture in pixels, (3, side, side) bytes; 0 if there is none
 * @param tokens encoder tokens, the class token included; 0 if there are none
 * @param tokenWidth width Z of a token; 0 exactly if there are none
 * @param tokenCode how tokens are stored
 */
public record SampleLayout(
        int channels, int side, FloatCode moments, int imageSide, int tokens, int tokenWidth, FloatCode tokenCode) {

    /** Far above any sample in use, and below what an int counts. */
    private static final long MOST_VALUES = 1 << 26;

    /** @throws IllegalArgumentException if a size is out of range or tokens and width do not go together */
    public SampleLayout {
        if (channels < 1 || side < 1) {
            throw new IllegalArgumentException(
                    "latents must have at least one channel and one pixel but were " + channels + " x " + side);
        }
        if (moments == FloatCode.INT8_PER_ROW) {
            throw new IllegalArgumentException("moments must be stored as FLOAT32 or FLOAT16 but were " + moments);
        }
        if (imageSide < 0 || tokens < 0 || tokenWidth < 0 || (tokens == 0) != (tokenWidth == 0)) {
            throw new IllegalArgumentException(
                    "imageSide, tokens and tokenWidth must be at least 0, the last two both 0"
                            + " or neither, but were " + imageSide + ", " + tokens + " and " + tokenWidth);
        }
        requireBounded("mean and deviation of a latent", 2, channels, side, side);
        requireBounded("a picture", 3, imageSide, imageSide);
        requireBounded("the tokens of a picture", tokens, tokenWidth);
    }

    private static void requireBounded(String what, long... sizes) {
        long values = 1;
        for (long size : sizes) {
            values *= size; // at most 2^26 times an int, so it fits
            if (values > MOST_VALUES) {
                throw new IllegalArgumentException(what + " must have at most " + MOST_VALUES
                        + " values but has a shape of " + Arrays.toString(sizes));
            }
        }
    }

    /** Latents alone. */
    public static SampleLayout latents(int channels, int side, FloatCode moments) {
        return new SampleLayout(channels, side, moments, 0, 0, 0, FloatCode.FLOAT16);
    }

    /** Returns the shape of one latent (C, H, W). */
    public Shape latentShape() {
        return new Shape(channels, side, side);
    }

    /** Returns the numbers of mean and standard deviation together. */
    public int momentValues() {
        return 2 * channels * side * side;
    }

    /** Returns the bytes of one stored picture. */
    public int imageBytes() {
        return 3 * imageSide * imageSide;
    }

    /** Returns the numbers of all tokens of one picture. */
    public int tokenValues() {
        return tokens * tokenWidth;
    }

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
}
