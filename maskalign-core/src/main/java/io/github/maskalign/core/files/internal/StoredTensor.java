package io.github.maskalign.core.files.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.function.LongSupplier;

/** A tensor in the storage of a checkpoint, possibly a view: transposed, with gaps or with repeated elements. */
record StoredTensor(FileBytes file, String name, TensorType type, Shape shape, Layout layout) implements TensorSource {
    private static final int CHUNK_BYTES = 1 << 20;

    /**
     * Where the elements are.
     *
     * @param begin where the storage begins in the file, in bytes
     * @param offset the first element
     * @param strides how many elements apart neighbours of each dimension are
     */
    record Layout(LongSupplier begin, long offset, long[] strides) {
        /** Returns where an element is, counted in elements from the storage's first, in bytes. */
        long place(long element, int elementBytes) {
            return begin.getAsLong() + element * elementBytes;
        }
    }

    StoredTensor named(String newName) {
        return new StoredTensor(file, newName, type, shape, layout);
    }

    @Override
    public String origin() {
        return file.path() + ", " + name;
    }

    @Override
    public void sendTo(Sink sink) throws IOException {
        long bytes = byteSize();
        if (bytes == 0) {
            return;
        }
        if (!isContiguous()) {
            new StridedReader(file, layout.place(0, 1), type.bits() / 8, shape.size())
                    .send(shape.getShape(), layout.strides, layout.offset, sink);
            return;
        }
        long begin = layout.place(layout.offset, type.bits() / 8);
        ByteBuffer chunk =
                ByteBuffer.allocate((int) Math.min(CHUNK_BYTES, bytes)).order(ByteOrder.LITTLE_ENDIAN);
        for (long position = 0; position < bytes; position += chunk.limit()) {
            chunk.clear().limit((int) Math.min(chunk.capacity(), bytes - position));
            file.read(begin + position, chunk);
            sink.accept(chunk.flip());
        }
    }

    @Override
    public void readInto(ByteBuffer target) throws IOException {
        if (isContiguous()) {
            file.read(layout.place(layout.offset, type.bits() / 8), target);
        } else {
            sendTo(target::put);
        }
    }

    private boolean isContiguous() {
        long expected = 1;
        for (int i = layout.strides.length - 1; i >= 0; i--) {
            long size = shape.get(i);
            if (size != 1 && layout.strides[i] != expected) {
                return false;
            }
            expected *= size;
        }
        return true;
    }

    @Override
    public boolean equals(Object other) {
        return this == other;
    }

    @Override
    public int hashCode() {
        return System.identityHashCode(this);
    }

    @Override
    public String toString() {
        return origin() + ": " + type + " " + shape + ", strides " + Arrays.toString(layout.strides);
    }
}
