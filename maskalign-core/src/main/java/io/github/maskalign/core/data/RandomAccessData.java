package io.github.maskalign.core.data;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.dataset.RandomAccessDataset;
import ai.djl.training.dataset.Record;
import io.github.maskalign.core.data.internal.EpochOrder;
import io.github.maskalign.core.data.internal.SampleBuffer;
import io.github.maskalign.core.data.internal.SampleBuffer.BufferedData;
import io.github.maskalign.core.random.Draws;
import java.io.IOException;
import java.io.UncheckedIOException;
import org.jspecify.annotations.Nullable;

/**
 * The pictures of any {@code RandomAccessDataset} of DJL's, which are themselves the latents: diffusion in pixel space.
 *
 * <p>Of each record the first array of the data is the picture: bytes (H, W, C) or (C, H, W), as {@code Image.toNDArray}
 * gives them, or float32 (C, H, W) in [0, 1], as {@code ToTensor} does; C is 1 or 3, and what could be either is
 * (H, W, C). Floats become the nearest byte. The first array of the labels is the class, one whole number. A data set's
 * pipeline is not applied, as DJL applies it in its own loop alone: bring pictures to one size in {@code get}.
 *
 * <pre>x = byte / 127.5 − 1, (C, H, W)     the pictures for an encoder are the bytes, if C is 3</pre>
 *
 * <p>The order is this library's, a function of seed and position, so a run resumes to the bit if {@code get} returns
 * the same record for the same index each time. The data set should be prepared ({@code prepare()}) and stays the
 * caller's. Wrap it in {@link ReadAheadData} to read on another thread.
 */
public final class RandomAccessData implements BufferedData {
    private final RandomAccessDataset records;
    private final int classes;
    private final EpochOrder order;
    private @Nullable Shape shape; // of the first picture that was read, (C, H, W)

    /**
     * Takes a data set.
     *
     * @param records the records
     * @param classes number of classes, which labels are below; at least 1
     * @param draws the run's random numbers
     * @throws IllegalArgumentException if the data set is empty or too large, or there is no class
     */
    public RandomAccessData(RandomAccessDataset records, int classes, Draws draws) {
        if (classes < 1) {
            throw new IllegalArgumentException("classes must be at least 1 but was " + classes);
        }
        if (records.size() > Integer.MAX_VALUE) {
            throw new IllegalArgumentException(
                    "a data set must have at most " + Integer.MAX_VALUE + " records but has " + records.size());
        }
        this.records = records;
        this.classes = classes;
        order = new EpochOrder(draws, (int) records.size());
    }

    @Override
    public long size() {
        return records.size();
    }

    @Override
    public int classes() {
        return classes;
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalArgumentException if a record is no picture with a class, or of another size than the first; names
     *     it
     */
    @Override
    public SampleBuffer read(long first, int count) {
        byte[] images = new byte[0];
        long[] labels = new long[count];
        Shape one = null;
        try (NDManager scratch = NDManager.newBaseManager(Device.cpu())) {
            for (int i = 0; i < count; i++) {
                int index = order.indexAt(first + i);
                try (NDManager own = scratch.newSubManager()) {
                    Record record = records.get(own, index);
                    NDArray picture = planes(first(record.getData(), index, "picture"), index);
                    one = sized(picture.getShape(), index);
                    int values = Math.toIntExact(one.size());
                    if (i == 0) {
                        images = new byte[BufferedData.values(count, values)];
                    }
                    System.arraycopy(picture.toByteArray(), 0, images, i * values, values);
                    labels[i] = label(first(record.getLabels(), index, "class"), index);
                } catch (IOException e) {
                    throw new UncheckedIOException("record " + index + " cannot be read: " + e.getMessage(), e);
                }
            }
        }
        float[] latents = new float[images.length];
        for (int k = 0; k < images.length; k++) {
            latents[k] = PixelScaling.toModel(images[k]);
        }
        Shape batch = new Shape(count).addAll(one == null ? new Shape(0) : one);
        SampleBuffer buffer = new SampleBuffer(latents, batch, labels);
        return one != null && one.get(0) == 3 ? buffer.withImages(images, batch) : buffer;
    }

    private static NDArray first(NDList list, int index, String what) {
        if (list.isEmpty()) {
            throw new IllegalArgumentException("record " + index + " has no " + what);
        }
        return list.get(0);
    }

    /** Returns the picture as bytes (C, H, W). */
    private static NDArray planes(NDArray picture, int index) {
        Shape found = picture.getShape();
        DataType type = picture.getDataType();
        boolean three = found.dimension() == 3;
        if (type == DataType.UINT8 && three && isChannels(found.get(2))) {
            return picture.transpose(2, 0, 1).flip(new int[0]); // a copy with the strides of its shape
        }
        if (type == DataType.UINT8 && three && isChannels(found.get(0))) {
            return picture;
        }
        if (type == DataType.FLOAT32 && three && isChannels(found.get(0))) {
            NDArray levels = picture.mul(255);
            float low = levels.min().getFloat();
            float high = levels.max().getFloat();
            if (!(low >= 0 && high <= 255)) {
                throw new IllegalArgumentException("record " + index + ": a picture of float32 must be in [0, 1], as"
                        + " ToTensor gives it, but is in [" + low / 255 + ", " + high / 255 + "]");
            }
            return levels.round().toType(DataType.UINT8, false);
        }
        throw new IllegalArgumentException("record " + index + ": a picture must be uint8 (H, W, C) or (C, H, W), or"
                + " float32 (C, H, W), with C 1 or 3, but was " + type + " " + found);
    }

    private static boolean isChannels(long count) {
        return count == 1 || count == 3;
    }

    private synchronized Shape sized(Shape found, int index) {
        Shape expected = shape;
        if (expected == null) {
            shape = found;
        } else if (!expected.equals(found)) {
            throw new IllegalArgumentException("record " + index + ": all pictures must have one size but the first is "
                    + expected + " and this one " + found + " (channels, height, width)");
        }
        return found;
    }

    private long label(NDArray label, int index) {
        if (label.size() != 1) {
            throw new IllegalArgumentException(
                    "record " + index + ": the class must be one number but is an array " + label.getShape());
        }
        double value = label.toType(DataType.FLOAT64, false).toDoubleArray()[0];
        if (!(value >= 0 && value < classes) || value != Math.rint(value)) {
            throw new IllegalArgumentException(
                    "record " + index + ": the class must be in [0, " + (classes - 1) + "] but is " + value);
        }
        return (long) value;
    }
}
