package io.github.maskalign.core.files;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.internal.NpyFile.NpyType;
import io.github.maskalign.core.files.internal.NpyHeader;
import io.github.maskalign.core.files.internal.ZipArchive.ZipEntryInfo;
import io.github.maskalign.core.files.internal.ZipWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Writes tensors as an {@code .npz} file, byte for byte as {@code numpy.savez} does: a zip file of entries that are not
 * packed, each with room for 64-bit sizes.
 *
 * <p>Each tensor is read twice, first for its checksum; a {@link RowStream} is read once, and its checksum stands behind
 * it, where zip readers expect it. Nothing is held in memory, whatever the size.
 */
public final class NpzWriter {
    private static final int MAX_NAME_BYTES = 500;

    private NpzWriter() {}

    /**
     * Replaces or creates a file, complete or not at all, see {@link AtomicFile}.
     *
     * @param tensors tensors by name, written in this order; a name must be a plain relative path
     * @throws IllegalArgumentException if a name cannot be one, or NumPy has no such type, as for BF16
     */
    public static void write(Path file, Map<String, ? extends TensorSource> tensors) throws IOException {
        Map<String, ByteBuffer> headers = new LinkedHashMap<>();
        tensors.forEach((name, tensor) -> {
            requireName(name);
            headers.put(name, NpyHeader.bytes(NpyType.descr(tensor.type()), tensor.shape()));
        });
        AtomicFile.write(file, out -> {
            ZipWriter zip = new ZipWriter(out, ZipWriter.Layout.NUMPY);
            for (Map.Entry<String, ByteBuffer> header : headers.entrySet()) {
                zip.entry(header.getKey() + ".npy", header.getValue(), tensors.get(header.getKey()));
            }
            zip.finish();
        });
    }

    /** Refuses names that our own reader would. */
    private static void requireName(String key) {
        if (!ZipEntryInfo.isPlain(key) || key.getBytes(StandardCharsets.UTF_8).length > MAX_NAME_BYTES) {
            throw new IllegalArgumentException("the name of an array must be a plain relative path of at most "
                    + MAX_NAME_BYTES + " bytes but was " + CheckpointFormatException.quote(key));
        }
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
