package io.github.maskalign.core.image;

import java.util.Arrays;
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

    /**
     * The weights with which each output pixel of one direction adds up input pixels, as whole multiples of 2^-22.
     *
     * @param size number of output pixels
     * @param stride room for each output pixel in {@code weights}
     * @param firsts first input pixel of each output pixel
     * @param counts number of input pixels of each output pixel
     * @param weights (size, stride)
     */
    record ResampleWeights(int size, int stride, int[] firsts, int[] counts, int[] weights) {
        private static final int BITS = 22;
        private static final int HALF = 1 << (BITS - 1);
        private static final int CHANNELS = Picture.CHANNELS;
        private static final int STRIP_ROWS = 64;
        private static final int STRIP_PIXELS = 1 << 23; // bounds memory for pictures that are very wide

        static ResampleWeights of(int in, int out, double support, DoubleUnaryOperator kernel) {
            double scale = (double) in / out;
            double width = Math.max(scale, 1); // a picture that grows is interpolated, one that shrinks is averaged
            double reach = support * width;
            double perInput = 1 / width;
            int stride = Math.min((int) Math.ceil(reach) * 2 + 1, in);
            int[] firsts = new int[out];
            int[] counts = new int[out];
            int[] weights = new int[Math.multiplyExact(out, stride)];
            double[] exact = new double[stride];
            for (int i = 0; i < out; i++) {
                double centre = (i + 0.5) * scale;
                int first = Math.max(0, (int) (centre - reach + 0.5));
                int count = Math.min(in, (int) (centre + reach + 0.5)) - first;
                double sum = 0;
                for (int j = 0; j < count; j++) {
                    exact[j] = kernel.applyAsDouble((j + first - centre + 0.5) * perInput);
                    sum += exact[j];
                }
                for (int j = 0; j < count; j++) {
                    double weight = sum == 0 ? exact[j] : exact[j] / sum;
                    weights[i * stride + j] = (int) (weight * (1 << BITS) + (weight < 0 ? -0.5 : 0.5));
                }
                firsts[i] = first;
                counts[i] = count;
            }
            return new ResampleWeights(out, stride, firsts, counts, weights);
        }

        int first(int i) {
            return firsts[i];
        }

        int count(int i) {
            return counts[i];
        }

        /**
         * Resamples rows [top, bottom) of a picture; the result has these rows, and output columns [left, right).
         *
         * <p>A strip of rows is turned so that its columns lie side by side: the innermost loop then runs over many equal
         * sums, which the compiler does in vectors.
         */
        Picture alongRows(Picture picture, int top, int bottom, int left, int right) {
            byte[] out = new byte[(bottom - top) * (right - left) * CHANNELS];
            int begin = firsts[left];
            int end = firsts[right - 1] + counts[right - 1];
            int stripRows = Math.min(bottom - top, Math.max(1, Math.min(STRIP_ROWS, STRIP_PIXELS / (end - begin))));
            int[][] columns = new int[end - begin][stripRows * CHANNELS];
            int[] sums = new int[stripRows * CHANNELS];
            for (int y = top; y < bottom; y += stripRows) {
                int rows = Math.min(stripRows, bottom - y);
                turn(picture, y, rows, begin, columns);
                for (int i = left; i < right; i++) {
                    sum(i, columns, firsts[i] - begin, sums);
                    int target = ((y - top) * (right - left) + i - left) * CHANNELS;
                    for (int r = 0; r < rows * CHANNELS; r += CHANNELS) {
                        out[target] = (byte) sums[r];
                        out[target + 1] = (byte) sums[r + 1];
                        out[target + 2] = (byte) sums[r + 2];
                        target += (right - left) * CHANNELS;
                    }
                }
            }
            return new Picture(right - left, bottom - top, out);
        }

        /** Resamples the columns of a picture whose first row is row {@code skipped} of the whole, to rows [top, bottom). */
        Picture alongColumns(Picture picture, int skipped, int top, int bottom) {
            int rowBytes = picture.width() * CHANNELS;
            byte[] out = new byte[(bottom - top) * rowBytes];
            int[][] rows = new int[stride][rowBytes]; // row y is at y % stride
            int ready = firsts[top] - skipped;
            int[] sums = new int[rowBytes];
            for (int i = top; i < bottom; i++) {
                int begin = firsts[i] - skipped;
                for (ready = Math.max(ready, begin); ready < begin + counts[i]; ready++) {
                    widen(picture.pixels(), ready * rowBytes, rows[ready % stride]);
                }
                sum(i, rows, begin, sums);
                for (int b = 0, target = (i - top) * rowBytes; b < rowBytes; b++, target++) {
                    out[target] = (byte) sums[b];
                }
            }
            return new Picture(picture.width(), bottom - top, out);
        }

        /** Adds up the lines of output pixel {@code i}, of which the first is at {@code begin}, modulo their number. */
        private void sum(int i, int[][] lines, int begin, int[] sums) {
            Arrays.fill(sums, HALF);
            int at = i * stride;
            int line = begin % lines.length;
            int left = counts[i];
            for (; left >= 4; left -= 4, at += 4) {
                int[] a = lines[line];
                int[] b = lines[(line + 1) % lines.length];
                int[] c = lines[(line + 2) % lines.length];
                int[] d = lines[(line + 3) % lines.length];
                add(sums, weights[at], a, weights[at + 1], b, weights[at + 2], c, weights[at + 3], d);
                line = (line + 4) % lines.length;
            }
            for (; left > 0; left--, at++) {
                add(sums, weights[at], lines[line]);
                line = (line + 1) % lines.length;
            }
            round(sums);
        }

        private static void turn(Picture picture, int y, int rows, int begin, int[][] columns) {
            byte[] in = picture.pixels();
            int rowBytes = picture.width() * CHANNELS;
            int first = (y * picture.width() + begin) * CHANNELS;
            for (int[] column : columns) {
                int source = first;
                for (int target = 0; target < rows * CHANNELS; target += CHANNELS) {
                    column[target] = in[source] & 0xff;
                    column[target + 1] = in[source + 1] & 0xff;
                    column[target + 2] = in[source + 2] & 0xff;
                    source += rowBytes;
                }
                first += CHANNELS;
            }
        }

        private static void widen(byte[] in, int from, int[] out) {
            for (int b = 0; b < out.length; b++) {
                out[b] = in[from + b] & 0xff;
            }
        }

        // The three loops below run in vectors as long as every index is the loop's variable alone; four lines at a
        // time
        // save three of four passes over the sums.

        private static void add(int[] sums, int weight, int[] values) {
            for (int j = 0; j < sums.length; j++) {
                sums[j] += weight * values[j];
            }
        }

        private static void add(
                int[] sums, int first, int[] a, int second, int[] b, int third, int[] c, int fourth, int[] d) {
            for (int j = 0; j < sums.length; j++) {
                sums[j] += first * a[j] + second * b[j] + third * c[j] + fourth * d[j];
            }
        }

        private static void round(int[] sums) {
            for (int j = 0; j < sums.length; j++) {
                int value = sums[j] >> BITS;
                value &= ~(value >> 31); // at least 0
                sums[j] = value | (255 - value) >> 31; // its low byte is at most 255
            }
        }
    }

    /**
     * The centre crop of the ADM code base, by which ImageNet is prepared for diffusion models.
     *
     * <p>While the shorter side is at least twice the wanted one, both sides are halved (rounding down) with a box filter;
     * bicubic resampling then brings the shorter side to the wanted size, the longer one rounded as Python rounds, half to
     * even; the centre is cut out with offsets rounded down. Byte for byte what Pillow
     * before version 13 gives, see {@link Resampler}; with 13, pictures about twice as tall as wide differ by rounding.
     *
     * <p>Source: openai/guided-diffusion, {@code center_crop_arr}; REPA preprocessing, {@code center-crop-dhariwal}.
     */
    public static final class CentreCrop {
        private CentreCrop() {}

        /** Returns the picture as a square of {@code size} × {@code size} pixels, at least 1. */
        public static Picture adm(Picture picture, int size) {
            if (size < 1) {
                throw new IllegalArgumentException("size must be at least 1 but was " + size);
            }
            Picture halved = picture;
            while (Math.min(halved.width(), halved.height()) >= 2L * size) {
                halved = Resampler.BOX.resize(halved, halved.width() / 2, halved.height() / 2);
            }
            double scale = (double) size / Math.min(halved.width(), halved.height());
            int width = (int) Math.rint(halved.width() * scale);
            int height = (int) Math.rint(halved.height() * scale);
            return Resampler.BICUBIC.resize(halved, width, height, (width - size) / 2, (height - size) / 2, size, size);
        }
    }
}
