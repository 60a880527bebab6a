package io.github.maskalign.core.files;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.internal.CountedSink;
import io.github.maskalign.core.files.internal.NpyFile.NpyType;
import io.github.maskalign.core.files.internal.NpyHeader;
import io.github.maskalign.core.files.internal.ZipRecords;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Writes tensors as an {@code .npz} file, byte for byte as {@code numpy.savez} does: a zip file of entries that are not
 * packed, each with room for 64-bit sizes.
 *
 * <p>Each tensor is read twice, first for its checksum; a {@link RowStream} is read once, and its checksum stands behind
 * it, where zip readers expect it. Nothing is held in memory, whatever the size.
 */
public final class NpzWriter {
    private NpzWriter() {}

    /**
     * Replaces or creates a file, complete or not at all, see {@link AtomicFile}.
     *
     * @param tensors tensors by name, written in this order; a name must be a plain relative path
     * @throws IllegalArgumentException if a name cannot be one, or NumPy has no such type, as for BF16
     */
    public static void write(Path file, Map<String, ? extends TensorSource> tensors) throws IOException {
        Map<String, ByteBuffer> headers = new LinkedHashMap<>();
        for (Map.Entry<String, ? extends TensorSource> t : tensors.entrySet()) {
            ZipRecords.requireName(t.getKey());
            headers.put(
                    t.getKey(),
                    NpyHeader.bytes(
                            NpyType.descr(t.getValue().type()), t.getValue().shape()));
        }
        AtomicFile.write(file, out -> write(out, tensors, headers));
    }

    private static void write(
            WritableByteChannel out, Map<String, ? extends TensorSource> tensors, Map<String, ByteBuffer> headers)
            throws IOException {
        List<ZipRecords> written = new ArrayList<>();
        long position = 0;
        for (Map.Entry<String, ? extends TensorSource> t : tensors.entrySet()) {
            TensorSource tensor = t.getValue();
            ByteBuffer header = Objects.requireNonNull(headers.get(t.getKey()));
            ZipRecords entry = ZipRecords.of(
                    t.getKey(), header.remaining() + tensor.byteSize(), position, tensor instanceof RowStream);
            if (!entry.checksumFollows()) {
                CountedSink counted = new CountedSink(null);
                counted.accept(header.duplicate(), tensor);
                entry = entry.withCrc(counted.crc());
            }
            position += send(out, entry.local());
            CountedSink counted = new CountedSink(out);
            counted.accept(header.duplicate(), tensor);
            position += entry.size();
            if (entry.checksumFollows()) {
                entry = entry.withCrc(counted.crc());
                position += send(out, entry.descriptor());
            } else if (counted.crc() != entry.crc()) {
                throw new IllegalStateException(tensor.origin() + " changed while it was written");
            }
            written.add(entry);
        }
        long directory = position;
        for (ZipRecords entry : written) {
            position += send(out, entry.central());
        }
        send(out, ZipRecords.end(written.size(), directory, position - directory));
    }

    private static int send(WritableByteChannel out, ByteBuffer bytes) throws IOException {
        int count = bytes.remaining();
        while (bytes.hasRemaining()) {
            out.write(bytes);
        }
        return count;
    }

    /**
     * A tensor that comes into being while it is written, row after row, such as 50,000 samples as they are drawn. Its
     * size is known beforehand; it is asked for its bytes once.
     *
     * @param type type of the elements
     * @param shape shape of the whole
     * @param rows gives all bytes in order
     */
    public record RowStream(TensorType type, Shape shape, Rows rows) implements TensorSource {
        /** Gives the bytes of a tensor. */
        @FunctionalInterface
        public interface Rows {
            /** Sends all bytes, row-major and little-endian, in pieces of any number of whole elements. */
            void sendTo(Sink sink) throws IOException;
        }

        @Override
        public void sendTo(Sink sink) throws IOException {
            rows.sendTo(sink);
        }
    }
}
