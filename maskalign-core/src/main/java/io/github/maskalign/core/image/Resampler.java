package io.github.maskalign.core.image;

import java.util.function.DoubleUnaryOperator;

/**
 * Resizing with antialiasing, equal to {@code Image.resize} of Pillow 3.3 to 12.2 on 8-bit RGB pictures, byte for byte.
 *
 * <p>Output pixel {@code i} of a row lies at {@code c = (i + 0.5) s} with {@code s = in / out} and is
 * {@code Σ_j k((j + 0.5 - c) / max(s, 1)) x_j}, the weights normalised to sum 1. Weights are rounded to 22 fractional
 * bits; rows come first, are rounded to bytes, and columns follow; a side that keeps its length is not touched.
 *
 * <p>From version 13 on, Pillow takes columns first where the height shrinks much more than the width, or a picture is
 * very tall; pixels then differ by rounding. Published data sets were made with earlier versions.
 *
 * <p>Source: Pillow, src/libImaging/Resample.c. This is not the bicubic of torch.nn.functional.interpolate, which has
 * a = -0.75 and no antialiasing.
 */
public enum Resampler {
    /** The mean of the pixels below; support 0.5. */
    BOX(0.5, x -> x > -0.5 && x <= 0.5 ? 1 : 0),
    /** Triangle; support 1. */
    BILINEAR(1, x -> Math.max(0, 1 - Math.abs(x))),
    /** Hamming-windowed sinc; support 1. */
    HAMMING(1, Resampler::hamming),
    /** Cubic convolution with a = -0.5; support 2. */
    BICUBIC(2, Resampler::bicubic),
    /** Sinc windowed by a wider sinc; support 3. */
    LANCZOS(3, x -> x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0);

    private final double support;
    private final DoubleUnaryOperator kernel;

    Resampler(double support, DoubleUnaryOperator kernel) {
        this.support = support;
        this.kernel = kernel;
    }

    /** Returns the picture with {@code width} × {@code height} pixels, each side at least 1. */
    public Picture resize(Picture picture, int width, int height) {
        if (width < 1 || height < 1) {
            throw new IllegalArgumentException(
                    "a picture must have at least 1 x 1 pixels but was to have " + width + " x " + height);
        }
        if ((long) width * height > PictureReader.MAX_PIXELS) {
            throw new IllegalArgumentException("a picture must have at most " + PictureReader.MAX_PIXELS
                    + " pixels but was to have " + width + " x " + height);
        }
        return resize(picture, width, height, 0, 0, width, height);
    }

    /** Returns a part of the resized picture, for which nothing else is computed. */
    Picture resize(Picture picture, int width, int height, int left, int top, int partWidth, int partHeight) {
        boolean across = width != picture.width();
        if (height == picture.height()) {
            return across
                    ? weights(picture.width(), width).alongRows(picture, top, top + partHeight, left, left + partWidth)
                    : picture.crop(left, top, partWidth, partHeight);
        }
        ResampleWeights down = weights(picture.height(), height);
        int last = top + partHeight - 1;
        int firstRow = down.first(top);
        int endRow = down.first(last) + down.count(last);
        Picture rows = across
                ? weights(picture.width(), width).alongRows(picture, firstRow, endRow, left, left + partWidth)
                : picture.crop(left, firstRow, partWidth, endRow - firstRow);
        return down.alongColumns(rows, firstRow, top, top + partHeight);
    }

    private ResampleWeights weights(int in, int out) {
        return ResampleWeights.of(in, out, support, kernel);
    }

    private static double bicubic(double x) {
        double a = -0.5;
        double d = Math.abs(x);
        if (d < 1) {
            return ((a + 2) * d - (a + 3)) * d * d + 1;
        }
        return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
    }

    private static double hamming(double x) {
        double d = Math.abs(x);
        if (d >= 1) {
            return 0;
        }
        // Pillow's two constants are float32.
        return d == 0 ? 1 : sinc(d) * (0.54f + 0.46f * StrictMath.cos(d * Math.PI));
    }

    private static double sinc(double x) {
        double angle = x * Math.PI;
        return x == 0 ? 1 : StrictMath.sin(angle) / angle;
    }
}
