package io.github.maskalign.core.data.internal;

import ai.djl.ndarray.types.Shape;
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
}
