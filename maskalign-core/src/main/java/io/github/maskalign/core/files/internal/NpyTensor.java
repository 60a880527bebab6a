package io.github.maskalign.core.files.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * Rows [first, first + shape[0]) of a NumPy array, or all of it, as a tensor in C order and little-endian bytes.
 *
 * @param array what is in the file
 * @param shape what is read of it
 */
record NpyTensor(NpyArray array, Shape shape, long first, boolean whole) implements TensorSource {
    private static final int CHUNK_BYTES = 1 << 20;

    @Override
    public TensorType type() {
        return array.header().type().type();
    }

    @Override
    public String origin() {
        return array.origin();
    }

    @Override
    public void sendTo(Sink sink) throws IOException {
        ByteSupply bytes = whole ? array.opener().open() : array.shared();
        try {
            if (array.isTransposed()) {
                sendTransposed(bytes, sink);
            } else {
                sendInOrder(bytes, sink);
            }
            if (whole) {
                bytes.finish();
            }
        } finally {
            if (whole) {
                bytes.close();
            }
        }
    }

    private void sendInOrder(ByteSupply bytes, Sink sink) throws IOException {
        long rowBytes = array.rowBytes();
        long position = array.header().dataStart() + first * rowBytes;
        long end = position + byteSize();
        ByteBuffer chunk =
                ByteBuffer.allocate((int) Math.min(CHUNK_BYTES, end - position)).order(ByteOrder.LITTLE_ENDIAN);
        while (position < end) {
            chunk.clear().limit((int) Math.min(chunk.capacity(), end - position));
            bytes.read(position, chunk);
            position += chunk.flip().remaining();
            swap(chunk);
            sink.accept(chunk);
        }
    }

    /** The whole array is in memory for this: each row has its elements all over the file. */
    private void sendTransposed(ByteSupply bytes, Sink sink) throws IOException {
        long size = array.header().dataSize();
        if (size > Integer.MAX_VALUE - 8) {
            throw new CheckpointFormatException(
                    origin(),
                    List.of("an array in Fortran order must have less than 2 GiB but has " + size
                            + " bytes; save it with numpy.ascontiguousarray"));
        }
        ByteBuffer in = ByteBuffer.allocate((int) size);
        bytes.read(array.header().dataStart(), in);
        int element = array.header().elementBytes();
        long[] counts = array.header().shape().getShape();
        long[] strides = new long[counts.length];
        long stride = element;
        for (int d = 0; d < counts.length; d++) {
            strides[d] = stride;
            stride *= counts[d];
        }
        long elements = shape.size();
        ByteBuffer chunk = ByteBuffer.allocate((int) Math.min(CHUNK_BYTES, elements * element))
                .order(ByteOrder.LITTLE_ENDIAN);
        long[] index = new long[counts.length];
        index[0] = first;
        long from = first * strides[0];
        for (long i = 0; i < elements; i++) {
            chunk.put(in.array(), (int) from, element);
            for (int d = counts.length - 1; d >= 0; d--) {
                from += strides[d];
                if (++index[d] < counts[d]) {
                    break;
                }
                from -= strides[d] * counts[d];
                index[d] = 0;
            }
            if (!chunk.hasRemaining() || i == elements - 1) {
                chunk.flip();
                swap(chunk);
                sink.accept(chunk);
                chunk.clear();
            }
        }
    }

    private void swap(ByteBuffer chunk) {
        int width = array.header().type().swappedBytes();
        if (!array.header().type().bigEndian() || width == 1) {
            return;
        }
        byte[] bytes = chunk.array();
        for (int at = 0; at < chunk.limit(); at += width) {
            for (int i = at, j = at + width - 1; i < j; i++, j--) {
                byte b = bytes[i];
                bytes[i] = bytes[j];
                bytes[j] = b;
            }
        }
    }
}
