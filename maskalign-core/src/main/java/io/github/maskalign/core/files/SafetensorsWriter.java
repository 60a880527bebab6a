package io.github.maskalign.core.files;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.files.internal.FileOperations;
import io.github.maskalign.core.files.internal.FileOperations.CheckpointWriteException;
import io.github.maskalign.core.files.internal.SafetensorsHeader;
import io.github.maskalign.core.files.internal.StrictJson;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * Writes safetensors files, one piece of one tensor in memory at a time.
 *
 * <p>The layout is the reference writer's, byte for byte: tensors of the widest type first (so that each is aligned),
 * within a type sorted by name; the header padded with spaces to a multiple of 8. The same tensors and metadata give
 * the same bytes.
 */
public final class SafetensorsWriter {
    /** Code point order, which is the order of the UTF-8 bytes. */
    private static final Comparator<String> NAME_ORDER =
            Comparator.comparing(name -> name.getBytes(StandardCharsets.UTF_8), Arrays::compareUnsigned);

    private SafetensorsWriter() {}

    /**
     * Replaces {@code path} in one step, see {@link AtomicFile}.
     *
     * @param metadata texts to store with the tensors
     * @throws CheckpointWriteException when the file cannot be written
     * @throws IllegalArgumentException when a name or text cannot be stored; nothing is written then
     */
    public static WrittenFile write(Path path, StateDict tensors, Map<String, String> metadata) throws IOException {
        Stream content = new Stream(tensors, metadata);
        AtomicFile.write(path, content::writeTo);
        return content.written(path);
    }

    /** Writes and forces a file that does not exist yet, inside a folder that does not count yet. */
    public static WrittenFile writeNew(FileOperations files, Path path, StateDict tensors, Map<String, String> metadata)
            throws IOException {
        Stream content = new Stream(tensors, metadata);
        AtomicFile.writeNew(files, path, content::writeTo);
        return content.written(path);
    }

    /** One file on its way to the disk. */
    private static final class Stream {
        private final Map<String, TensorSource> tensors;
        private final ByteBuffer header;
        private final Digests digests = new Digests();
        private long byteSize;

        Stream(StateDict state, Map<String, String> metadata) {
            tensors = layout(state);
            header = header(tensors, metadata);
        }

        void writeTo(WritableByteChannel out) throws IOException {
            send(header.duplicate(), out);
            for (Map.Entry<String, TensorSource> t : tensors.entrySet()) {
                long before = byteSize;
                digests.beginTensor();
                t.getValue().sendTo(chunk -> {
                    digests.tensor(chunk.duplicate());
                    send(chunk, out);
                });
                digests.endTensor(t.getKey());
                if (byteSize - before != t.getValue().byteSize()) {
                    throw new IllegalStateException(t.getValue().origin() + " sent " + (byteSize - before)
                            + " bytes but has " + t.getValue().byteSize());
                }
            }
        }

        WrittenFile written(Path path) {
            return new WrittenFile(path, byteSize, digests.sha256(), digests.tensorChecksums());
        }

        private void send(ByteBuffer bytes, WritableByteChannel out) throws IOException {
            digests.file(bytes.duplicate());
            byteSize += out.write(bytes);
        }
    }

    private static Map<String, TensorSource> layout(StateDict state) {
        Map<String, TensorSource> sorted = new LinkedHashMap<>();
        state.tensors().entrySet().stream()
                .sorted(Map.Entry.<String, TensorSource>comparingByValue(
                                Comparator.comparing(TensorSource::type).reversed())
                        .thenComparing(Map.Entry.comparingByKey(NAME_ORDER)))
                .forEach(t -> sorted.put(t.getKey(), t.getValue()));
        return sorted;
    }

    private static ByteBuffer header(Map<String, TensorSource> tensors, Map<String, String> metadata) {
        StringBuilder json = new StringBuilder("{");
        if (!metadata.isEmpty()) {
            append(json, SafetensorsHeader.METADATA).append(":{");
            new TreeMap<>(metadata).forEach((key, value) -> {
                append(json, key).append(':');
                append(json, value).append(',');
            });
            json.setLength(json.length() - 1);
            json.append("},");
        }
        long[] position = {0};
        tensors.forEach((name, tensor) -> {
            long begin = position[0];
            long end = Math.addExact(begin, tensor.byteSize());
            append(json, requireName(name));
            json.append(":{\"dtype\":\"").append(tensor.type());
            json.append("\",\"shape\":").append(numbers(tensor.shape()));
            json.append(",\"data_offsets\":[")
                    .append(begin)
                    .append(',')
                    .append(end)
                    .append("]},");
            position[0] = end;
        });
        if (json.length() > 1) {
            json.setLength(json.length() - 1);
        }
        byte[] text = json.append('}').toString().getBytes(StandardCharsets.UTF_8);
        int padded = Math.addExact(text.length, 7) & -8;
        if (padded > SafetensorsHeader.DEFAULT_MAX_BYTES) {
            throw new IllegalArgumentException("names, shapes and metadata must fit in a header of "
                    + SafetensorsHeader.DEFAULT_MAX_BYTES + " bytes but need " + padded);
        }
        ByteBuffer bytes = ByteBuffer.allocate(8 + padded).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putLong(padded).put(text);
        while (bytes.hasRemaining()) {
            bytes.put((byte) ' ');
        }
        return bytes.flip();
    }

    private static String numbers(Shape shape) {
        return Arrays.stream(shape.getShape()).mapToObj(Long::toString).collect(Collectors.joining(",", "[", "]"));
    }

    private static StringBuilder append(StringBuilder json, String text) {
        if (!StrictJson.isWellFormed(text)) {
            throw new IllegalArgumentException("a text must not have half a surrogate pair: " + StrictJson.quote(text));
        }
        StrictJson.append(json, text);
        return json;
    }

    private static String requireName(String name) {
        String problem = name.equals(SafetensorsHeader.METADATA)
                ? "a tensor must not have the name " + SafetensorsHeader.METADATA
                : SafetensorsHeader.nameProblem(name);
        if (problem != null) {
            throw new IllegalArgumentException(problem);
        }
        return name;
    }

    /**
     * What a safetensors file holds after it was written.
     *
     * @param path where it is
     * @param byteSize its size
     * @param sha256 SHA-256 of the whole file, 64 lower-case hexadecimal digits
     * @param tensorChecksums CRC-32C of each tensor's bytes, 8 hexadecimal digits, to name the tensor that was damaged
     */
    public record WrittenFile(Path path, long byteSize, String sha256, Map<String, String> tensorChecksums) {
        /** Copies the map. */
        public WrittenFile {
            tensorChecksums = Map.copyOf(tensorChecksums);
        }
    }
}
