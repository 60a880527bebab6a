package io.github.maskalign.core.data;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.internal.EpochOrder;
import io.github.maskalign.core.data.internal.SampleBuffer;
import io.github.maskalign.core.data.internal.SampleBuffer.BufferedData;
import io.github.maskalign.core.random.Draws;
import java.util.Arrays;

/**
 * Pictures held in memory that are themselves the latents: diffusion in pixel space.
 *
 * <p>Pixels are given as bytes (C, H, W) for each sample, one after the other.
 */
public final class ImageTensorData implements BufferedData {
    private final byte[][] pixels;
    private final int[] labels;
    private final Shape shape;
    private final EpochOrder order;

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
        for (int i = 0; i < labels.length; i++) {
            if (labels[i] < 0) {
                throw new IllegalArgumentException("label " + i + " must be at least 0 but was " + labels[i]);
            }
        }
        this.pixels = pixels;
        this.labels = labels;
        this.shape = shape;
        order = new EpochOrder(draws, pixels.length);
    }

    @Override
    public long size() {
        return pixels.length;
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
            System.arraycopy(pixels[index], 0, images, i * values, values);
        }
        for (int k = 0; k < images.length; k++) {
            latents[k] = PixelScaling.toModel(images[k]);
        }
        Shape batch = new Shape(count).addAll(shape);
        return new SampleBuffer(latents, batch, classes).withImages(images, batch);
    }
}
