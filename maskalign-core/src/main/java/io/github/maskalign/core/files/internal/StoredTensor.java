package io.github.maskalign.core.files.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.LongSupplier;

/** A tensor in the storage of a checkpoint, possibly a view: transposed, with gaps or with repeated elements. */
record StoredTensor(FileBytes file, String name, TensorType type, Shape shape, Layout layout) implements TensorSource {

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
        FileBytes.send(file::read, begin, begin + bytes, sink);
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

    /**
     * Brings the elements of a strided view into row-major order, in a few MiB whatever the view.
     *
     * <p>The output is cut into pieces of at most 4 MiB. Of each piece, the dimensions that are closest together in the file
     * are read at once, as long as most of what is read is needed, and taken from there to their places.
     */
    static final class StridedReader {
        private static final int OUTPUT_BYTES = 4 << 20;
        private static final int WINDOW_BYTES = 1 << 19;
        private static final int PAGE_BYTES = 4_096;

        private final FileBytes file;
        private final long begin;
        private final int elementBytes;
        private final ByteBuffer output;
        private final ByteBuffer window;

        /** Elements that lie {@code from} apart in the file and {@code to} apart in the output. */
        private record Dimension(int size, long from, int to) {}

        /** A reader of a view of {@code count} elements. */
        StridedReader(FileBytes file, long begin, int elementBytes, long count) {
            this(file, begin, elementBytes, (int) Math.min(OUTPUT_BYTES, count * elementBytes), WINDOW_BYTES);
        }

        /** A reader with buffers of given sizes, each at least one element. */
        StridedReader(FileBytes file, long begin, int elementBytes, int outputBytes, int windowBytes) {
            this.file = file;
            this.begin = begin;
            this.elementBytes = elementBytes;
            output = ByteBuffer.allocate(outputBytes).order(ByteOrder.LITTLE_ENDIAN);
            window = ByteBuffer.allocate(windowBytes).order(ByteOrder.LITTLE_ENDIAN);
        }

        /** Sends all elements of a view that has at least one. */
        void send(long[] sizes, long[] strides, long offset, TensorSource.Sink sink) throws IOException {
            int room = output.capacity() / elementBytes;
            int cut = sizes.length - 1; // the outermost dimension that a piece has more than one index of
            int inner = 1;
            while (cut > 0 && inner * sizes[cut] <= room) {
                inner *= (int) sizes[cut--];
            }
            long most = Math.max(1, room / inner);
            long[] index = new long[cut];
            do {
                long from = offset;
                for (int i = 0; i < cut; i++) {
                    from += index[i] * strides[i];
                }
                for (long first = 0; first < sizes[cut]; first += most) {
                    int rows = (int) Math.min(most, sizes[cut] - first);
                    List<Dimension> piece = new ArrayList<>();
                    int to = inner;
                    piece.add(new Dimension(rows, strides[cut], inner));
                    for (int i = cut + 1; i < sizes.length; i++) {
                        to /= (int) sizes[i];
                        piece.add(new Dimension((int) sizes[i], strides[i], to));
                    }
                    piece.sort(Comparator.comparingLong(Dimension::from));
                    output.clear().limit(rows * inner * elementBytes);
                    read(piece, from + first * strides[cut]);
                    sink.accept(output);
                }
            } while (next(index, sizes));
        }

        private static boolean next(long[] index, long[] sizes) {
            for (int i = index.length - 1; i >= 0; i--) {
                if (++index[i] < sizes[i]) {
                    return true;
                }
                index[i] = 0;
            }
            return false;
        }

        /** Reads a piece whose dimensions are sorted by their distance in the file. */
        private void read(List<Dimension> piece, long from) throws IOException {
            long room = window.capacity() / elementBytes;
            long span = 1;
            int together = 0;
            while (together < piece.size()) {
                Dimension d = piece.get(together);
                long wider = span + (d.size - 1) * d.from;
                if (wider > room || !isDense(d, span)) {
                    break;
                }
                span = wider;
                together++;
            }
            List<Dimension> near = new ArrayList<>(piece.subList(0, together));
            readEach(piece, piece.size() - 1, near, span, from, 0);
        }

        private boolean isDense(Dimension d, long span) {
            return d.size == 1 || d.from <= 4 * span || d.from * elementBytes <= PAGE_BYTES;
        }

        /** Goes through the dimensions that are not read at once; the nearest of them is read in parts, if that helps. */
        private void readEach(List<Dimension> piece, int last, List<Dimension> near, long span, long from, int to)
                throws IOException {
            if (last < near.size()) {
                fill(near, span, from, to);
                return;
            }
            Dimension d = piece.get(last);
            if (last == near.size() && isDense(d, span)) {
                int part = (int) Math.min(d.size, (window.capacity() / elementBytes - span) / d.from + 1);
                for (int i = 0; i < d.size; i += part) {
                    int count = Math.min(part, d.size - i);
                    List<Dimension> with = new ArrayList<>(near);
                    with.add(new Dimension(count, d.from, d.to));
                    fill(with, span + (count - 1) * d.from, from + i * d.from, to + i * d.to);
                }
                return;
            }
            for (int i = 0; i < d.size; i++) {
                readEach(piece, last - 1, near, span, from + i * d.from, to + i * d.to);
            }
        }

        private void fill(List<Dimension> near, long span, long from, int to) throws IOException {
            file.read(begin + from * elementBytes, window.clear().limit((int) span * elementBytes));
            place(near, near.size() - 1, 0, to);
        }

        private void place(List<Dimension> near, int last, int from, int to) {
            if (last < 0) {
                place(1, from, 1, to, 1);
                return;
            }
            Dimension d = near.get(last);
            if (last == 0) {
                place(d.size, from, (int) d.from, to, d.to);
                return;
            }
            for (int i = 0; i < d.size; i++) {
                place(near, last - 1, from + i * (int) d.from, to + i * d.to);
            }
        }

        private void place(int count, int from, int fromStep, int to, int toStep) {
            int source = from * elementBytes;
            int target = to * elementBytes;
            int sourceStep = fromStep * elementBytes;
            int targetStep = toStep * elementBytes;
            for (int i = 0; i < count; i++, source += sourceStep, target += targetStep) {
                switch (elementBytes) {
                    case 1 -> output.put(target, window.get(source));
                    case 2 -> output.putShort(target, window.getShort(source));
                    case 4 -> output.putInt(target, window.getInt(source));
                    default -> output.putLong(target, window.getLong(source));
                }
            }
        }
    }
}
