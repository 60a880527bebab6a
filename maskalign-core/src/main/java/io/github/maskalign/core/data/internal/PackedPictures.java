package io.github.maskalign.core.data.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.files.internal.FileBytes;
import io.github.maskalign.core.files.internal.SafetensorsHeader.TensorInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Many pictures of one side in one safetensors file: U8 tensors {@code pictures.k} of shape (n, 3, S, S) and at most 1
 * GiB, which is one for most sets; in the metadata {@code index}, which says what they are, and {@code sha256} of index and
 * tensors. They are mapped, so they cost no heap. Several threads may read at once.
 *
 * @param index what was said of them when they were written
 * @param side side S in pixels
 * @param size their number
 * @param mappings the tensors in order
 */
public record PackedPictures(String index, int side, int size, List<ByteBuffer> mappings) {
    private static final int MAX_MAPPING = 1 << 30;
    private static final int CHUNK_BYTES = 1 << 20;

    /** Makes the pictures. */
    @FunctionalInterface
    public interface Content {
        /** Writes the bytes (3, S, S) of each picture, one after the other, and returns the index. */
        String writeTo(WritableByteChannel out) throws IOException;
    }

    /** Replaces the file in one step. How many pictures there are is known last, so they wait in a file without a name. */
    public static void write(Path file, int side, Content content) throws IOException {
        Path folder = file.toAbsolutePath().getParent();
        Path spool = Files.createTempFile(folder, "pictures-", ".tmp");
        try (FileChannel bytes = FileChannel.open(spool, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            Files.delete(spool); // its bytes live as long as the channel
            String index = written(content, bytes, file);
            Map<String, TensorSource> tensors = new LinkedHashMap<>();
            long at = 0;
            for (Map.Entry<String, Shape> tensor :
                    shapes(side, bytes.size() / bytesOf(side)).entrySet()) {
                tensors.put(tensor.getKey(), new Waiting(bytes, at, tensor.getValue()));
                at += tensor.getValue().size();
            }
            SafetensorsWriter.write(
                    file,
                    new StateDict("the pictures", tensors),
                    Map.of("index", index, "sha256", sha256(index, tensors)));
        }
    }

    /** Writes the pictures; a disk that is full does not say which one it is. */
    private static String written(Content content, FileChannel bytes, Path file) throws IOException {
        try {
            return content.writeTo(bytes);
        } catch (IOException e) {
            if (e.getClass() != IOException.class) {
                throw e; // it knows its file
            }
            throw (IOException) new FileSystemException(
                            file.toString(),
                            null,
                            "the pictures cannot be kept there: " + e.getMessage()
                                    + "; name another folder with data.cache or MASKALIGN_CACHE")
                    .initCause(e);
        }
    }

    /**
     * Maps the pictures after checking every byte of the file.
     *
     * @throws CheckpointFormatException if the file is damaged or of another form
     */
    public static PackedPictures open(Path path, int side) throws IOException {
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            String index = file.metadata().getOrDefault("index", "");
            if (!sha256(index, file.stateDict().tensors())
                    .equals(file.metadata().get("sha256"))) {
                throw new CheckpointFormatException(path, "its checksum does not match its content");
            }
            long size = 0;
            Map<String, Shape> found = new LinkedHashMap<>();
            for (TensorInfo info : file.tensors().values()) {
                found.put(info.name(), info.type() == TensorType.U8 ? info.shape() : new Shape());
                size += info.byteSize() / bytesOf(side);
            }
            if (!found.equals(shapes(side, size))) {
                throw new CheckpointFormatException(path, "its index does not fit its pictures");
            }
            List<ByteBuffer> mappings = new ArrayList<>();
            for (String name : shapes(side, size).keySet()) {
                mappings.add(file.data(name));
            }
            return new PackedPictures(index, side, Math.toIntExact(size), List.copyOf(mappings));
        }
    }

    /** Copies the bytes (3, S, S) of picture {@code i} to {@code target}, from {@code offset}. */
    public void copyInto(int i, byte[] target, int offset) {
        int bytes = bytesOf(side);
        int together = MAX_MAPPING / bytes;
        mappings.get(i / together).get(i % together * bytes, target, offset, bytes);
    }

    /** Returns the shapes of the tensors that hold so many pictures, by name and in order. */
    private static Map<String, Shape> shapes(int side, long size) {
        int together = MAX_MAPPING / bytesOf(side);
        Map<String, Shape> shapes = new LinkedHashMap<>();
        for (long first = 0; first < size; first += together) {
            shapes.put("pictures." + shapes.size(), new Shape(Math.min(together, size - first), 3, side, side));
        }
        return shapes;
    }

    private static int bytesOf(int side) {
        return 3 * side * side;
    }

    private static String sha256(String index, Map<String, TensorSource> tensors) throws IOException {
        return Digests.sha256(index + Digests.sha256(tensors));
    }

    /** Pictures that were just made, from byte {@code begin} of their file. */
    private record Waiting(FileChannel file, long begin, Shape shape) implements TensorSource {
        @Override
        public TensorType type() {
            return TensorType.U8;
        }

        @Override
        public void sendTo(Sink sink) throws IOException {
            ByteBuffer chunk = ByteBuffer.allocate(CHUNK_BYTES);
            for (long at = 0; at < shape.size(); at += CHUNK_BYTES) {
                chunk.clear().limit((int) Math.min(CHUNK_BYTES, shape.size() - at));
                FileBytes.fill(file, begin + at, chunk);
                sink.accept(chunk.flip());
            }
        }
    }
}
