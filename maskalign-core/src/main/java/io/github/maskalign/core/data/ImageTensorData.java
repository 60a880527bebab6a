package io.github.maskalign.core.data;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.internal.EpochOrder;
import io.github.maskalign.core.data.internal.SampleBuffer;
import io.github.maskalign.core.data.internal.SampleBuffer.BufferedData;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.Draws.RandomStream;
import java.util.Arrays;

/**
 * Pictures that are themselves the latents: diffusion in pixel space.
 *
 * <p>Pixels are given as bytes (C, H, W) for each sample, one after the other.
 */
public final class ImageTensorData implements BufferedData {
    private final PixelSource pixels;
    private final int[] labels;
    private final Shape shape;
    private final Draws draws;
    private final EpochOrder order;
    private final boolean flips;

    /** Pictures by index, wherever they lie. */
    @FunctionalInterface
    public interface PixelSource {
        /** Copies the bytes (C, H, W) of picture {@code index} into {@code target}, from {@code offset}. */
        void copyInto(int index, byte[] target, int offset);
    }

    /**
     * Creates the data set.
     *
     * @param pixels for each sample its bytes (C, H, W); not copied
     * @param labels for each sample its class
     * @param shape shape of one sample (C, H, W)
     * @param draws the run's random numbers
     * @throws IllegalArgumentException if sizes do not fit
     */
    public ImageTensorData(byte[][] pixels, int[] labels, Shape shape, Draws draws) {
        this(inMemory(pixels, labels, shape), labels, shape, draws, false);
    }

    /**
     * Creates a data set of pictures that are read when they are needed, on the thread that reads the samples.
     *
     * @param pixels the pictures, one for each label
     * @param labels for each sample its class
     * @param shape shape of one sample (C, H, W)
     * @param draws the run's random numbers
     */
    public ImageTensorData(PixelSource pixels, int[] labels, Shape shape, Draws draws) {
        this(pixels, labels.clone(), shape, draws, false);
    }

    private ImageTensorData(PixelSource pixels, int[] labels, Shape shape, Draws draws, boolean flips) {
        for (int i = 0; i < labels.length; i++) {
            if (labels[i] < 0) {
                throw new IllegalArgumentException("label " + i + " must be at least 0 but was " + labels[i]);
            }
        }
        this.pixels = pixels;
        this.labels = labels;
        this.shape = shape;
        this.draws = draws;
        this.flips = flips;
        order = new EpochOrder(draws, labels.length);
    }

    private static PixelSource inMemory(byte[][] pixels, int[] labels, Shape shape) {
        if (pixels.length != labels.length) {
            throw new IllegalArgumentException(
                    "there are " + pixels.length + " pictures but " + labels.length + " labels");
        }
        for (int i = 0; i < pixels.length; i++) {
            if (pixels[i].length != shape.size()) {
                throw new IllegalArgumentException(
                        "picture " + i + " must have " + shape.size() + " bytes but has " + pixels[i].length);
            }
        }
        return (index, target, offset) -> System.arraycopy(pixels[index], 0, target, offset, pixels[index].length);
    }

    /**
     * Returns the same samples, each mirrored left to right with probability 1/2, drawn by its position from
     * {@link RandomStream#FLIP}: latents and pictures alike.
     */
    public ImageTensorData withFlips() {
        return new ImageTensorData(pixels, labels, shape, draws, true);
    }

    @Override
    public long size() {
        return labels.length;
    }

    @Override
    public int classes() {
        return 1 + Arrays.stream(labels).max().orElse(-1);
    }

    @Override
    public SampleBuffer read(long first, int count) {
        int values = Math.toIntExact(shape.size());
        byte[] images = new byte[BufferedData.values(count, values)];
        float[] latents = new float[images.length];
        long[] classes = new long[count];
        for (int i = 0; i < count; i++) {
            int index = order.indexAt(first + i);
            classes[i] = labels[index];
            pixels.copyInto(index, images, i * values);
            if (flips && draws.at(RandomStream.FLIP, first + i).nextLong() < 0) {
                mirror(images, i * values, values);
            }
        }
        for (int k = 0; k < images.length; k++) {
            latents[k] = PixelScaling.toModel(images[k]);
        }
        Shape batch = new Shape(count).addAll(shape);
        return new SampleBuffer(latents, batch, classes).withImages(images, batch);
    }

    /** Turns each row round; rows have as many bytes as the last axis is long. */
    private void mirror(byte[] images, int from, int values) {
        int width = Math.toIntExact(shape.get(shape.dimension() - 1));
        for (int row = from; row < from + values; row += width) {
            for (int left = row, right = row + width - 1; left < right; left++, right--) {
                byte pixel = images[left];
                images[left] = images[right];
                images[right] = pixel;
            }
        }
    }
}
