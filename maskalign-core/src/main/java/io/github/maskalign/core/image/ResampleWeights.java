package io.github.maskalign.core.image;

import java.util.function.DoubleUnaryOperator;

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

    /** Resamples rows [from, to) of a picture; the result has these rows alone. */
    Picture alongRows(Picture picture, int from, int to) {
        byte[] in = picture.pixels();
        byte[] out = new byte[(to - from) * size * CHANNELS];
        int rowBytes = picture.width() * CHANNELS;
        int target = 0;
        for (int y = from; y < to; y++) {
            int row = y * rowBytes;
            for (int i = 0; i < size; i++) {
                int red = HALF;
                int green = HALF;
                int blue = HALF;
                int source = row + firsts[i] * CHANNELS;
                int end = i * stride + counts[i];
                for (int k = i * stride; k < end; k++, source += CHANNELS) {
                    int weight = weights[k];
                    red += weight * (in[source] & 0xff);
                    green += weight * (in[source + 1] & 0xff);
                    blue += weight * (in[source + 2] & 0xff);
                }
                out[target++] = rounded(red);
                out[target++] = rounded(green);
                out[target++] = rounded(blue);
            }
        }
        return new Picture(size, to - from, out);
    }

    /** Resamples the columns of a picture whose first row is row {@code skipped} of the whole. */
    Picture alongColumns(Picture picture, int skipped) {
        byte[] in = picture.pixels();
        int rowBytes = picture.width() * CHANNELS;
        byte[] out = new byte[size * rowBytes];
        int[] sums = new int[rowBytes];
        for (int i = 0; i < size; i++) {
            java.util.Arrays.fill(sums, HALF);
            for (int k = 0; k < counts[i]; k++) {
                int weight = weights[i * stride + k];
                int row = (firsts[i] - skipped + k) * rowBytes;
                for (int b = 0; b < rowBytes; b++) {
                    sums[b] += weight * (in[row + b] & 0xff);
                }
            }
            for (int b = 0; b < rowBytes; b++) {
                out[i * rowBytes + b] = rounded(sums[b]);
            }
        }
        return new Picture(picture.width(), size, out);
    }

    private static byte rounded(int sum) {
        int value = sum >> BITS;
        return (byte) (value < 0 ? 0 : Math.min(value, 255));
    }
}
