package io.github.maskalign.examples.emoji;

import ai.djl.ndarray.types.Shape;
import com.google.gson.Gson;
import com.google.gson.JsonParseException;
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
 * The safetensors file a drawn set is kept in: the pictures as U8 tensors {@code pictures.k} of shape (n, 3, S, S) and at
 * most 1 GiB, which is one for most sets; in its metadata {@code index}, what they are, as JSON, and {@code sha256} of
 * index and tensors. Pictures are mapped, so a set costs no heap.
 */
final class EmojiCacheFile {
    private static final int MAX_MAPPING = 1 << 30;
    private static final int CHUNK_BYTES = 1 << 20;

    private EmojiCacheFile() {}

    /**
     * What the pictures are.
     *
     * @param key what they were made from and by; another key means another content
     * @param size edge in pixels
     * @param entries one per picture
     * @param credits one per set
     * @param broken drawings that gave no picture, {@code set:name}
     */
    record Index(String key, int size, List<EmojiEntry> entries, List<SetInfo> credits, List<String> broken) {
        Index {
            entries = List.copyOf(entries);
            credits = List.copyOf(credits);
            broken = List.copyOf(broken);
        }

        int pictureBytes() {
            return 3 * size * size;
        }

        int perTensor() {
            return MAX_MAPPING / pictureBytes();
        }

        /** Returns the shapes of the tensors that hold the pictures, by name and in order. */
        Map<String, Shape> tensors() {
            Map<String, Shape> shapes = new LinkedHashMap<>();
            for (int first = 0; first < entries.size(); first += perTensor()) {
                int count = Math.min(perTensor(), entries.size() - first);
                shapes.put("pictures." + shapes.size(), new Shape(count, 3, size, size));
            }
            return shapes;
        }
    }

    /** Writes the pictures in order and returns what they are. */
    @FunctionalInterface
    interface Pictures {
        Index writeTo(WritableByteChannel out) throws IOException;
    }

    /** Replaces the file in one step. How many pictures there are is known last, so they wait in a file without a name. */
    static void write(Path file, Pictures pictures) throws IOException {
        Path folder = file.toAbsolutePath().getParent();
        Path spool = Files.createTempFile(folder, "emoji-", ".drawing");
        try (FileChannel drawn = FileChannel.open(spool, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            Files.delete(spool); // its bytes live as long as the channel
            Index index = drawn(pictures, drawn, file);
            Map<String, TensorSource> tensors = new LinkedHashMap<>();
            long at = 0;
            for (Map.Entry<String, Shape> tensor : index.tensors().entrySet()) {
                tensors.put(tensor.getKey(), new DrawnTensor(drawn, at, tensor.getValue()));
                at += tensor.getValue().size();
            }
            String json = new Gson().toJson(index);
            SafetensorsWriter.write(
                    file,
                    new StateDict("the drawn emoji", tensors),
                    Map.of("index", json, "sha256", sha256(json, tensors)));
        }
    }

    /** Draws; a disk that is full does not say which one it is. */
    private static Index drawn(Pictures pictures, FileChannel to, Path file) throws IOException {
        try {
            return pictures.writeTo(to);
        } catch (FileSystemException e) {
            throw e;
        } catch (IOException e) {
            throw (IOException) new FileSystemException(
                            file.toString(),
                            null,
                            "the drawn pictures cannot be kept there: " + e.getMessage()
                                    + "; name another folder with data.cache or MASKALIGN_CACHE")
                    .initCause(e);
        }
    }

    /**
     * Maps the pictures after checking every byte of the file.
     *
     * @throws CheckpointFormatException if the file is damaged or holds something else than {@code key}
     */
    static MappedPictures open(Path path, String key) throws IOException {
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            String json = file.metadata().getOrDefault("index", "");
            if (!sha256(json, file.stateDict().tensors()).equals(file.metadata().get("sha256"))) {
                throw new CheckpointFormatException(path, "its checksum does not match its content");
            }
            Index index = index(path, json);
            if (!index.key().equals(key)) {
                throw new CheckpointFormatException(path, "it was drawn from [" + index.key() + "], not [" + key + "]");
            }
            Map<String, Shape> found = new LinkedHashMap<>();
            for (TensorInfo info : file.tensors().values()) {
                found.put(info.name(), info.type() == TensorType.U8 ? info.shape() : new Shape());
            }
            if (!found.equals(index.tensors())) {
                throw new CheckpointFormatException(path, "its index does not fit its pictures");
            }
            List<ByteBuffer> mappings = new ArrayList<>();
            for (String name : index.tensors().keySet()) {
                mappings.add(file.data(name));
            }
            return new MappedPictures(index, List.copyOf(mappings));
        }
    }

    private static Index index(Path path, String json) throws CheckpointFormatException {
        try {
            Index index = new Gson().fromJson(json, Index.class);
            if (index != null) {
                return index;
            }
        } catch (JsonParseException e) {
            throw new CheckpointFormatException(path, "its index cannot be read: " + e.getMessage(), e);
        }
        throw new CheckpointFormatException(path, "it has no index");
    }

    private static String sha256(String index, Map<String, TensorSource> tensors) throws IOException {
        return Digests.sha256(index + Digests.sha256(tensors));
    }

    /** The mapped pictures of a file. Safe for use by several threads. */
    record MappedPictures(Index index, List<ByteBuffer> mappings) {
        /** Copies the bytes (3, S, S) of picture {@code i} to {@code target}, from {@code offset}. */
        void copyInto(int i, byte[] target, int offset) {
            int bytes = index.pictureBytes();
            mappings.get(i / index.perTensor()).get(i % index.perTensor() * bytes, target, offset, bytes);
        }
    }

    /** Pictures that were just drawn, from byte {@code begin} of their file. */
    private record DrawnTensor(FileChannel drawn, long begin, Shape shape) implements TensorSource {
        @Override
        public TensorType type() {
            return TensorType.U8;
        }

        @Override
        public void sendTo(Sink sink) throws IOException {
            ByteBuffer chunk = ByteBuffer.allocate(CHUNK_BYTES);
            for (long at = 0; at < shape.size(); at += CHUNK_BYTES) {
                chunk.clear().limit((int) Math.min(CHUNK_BYTES, shape.size() - at));
                FileBytes.fill(drawn, begin + at, chunk);
                sink.accept(chunk.flip());
            }
        }
    }
}
