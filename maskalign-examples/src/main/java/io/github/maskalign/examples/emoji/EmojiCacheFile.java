package io.github.maskalign.examples.emoji;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import io.github.maskalign.core.data.internal.PackedPictures;
import io.github.maskalign.core.files.CheckpointFormatException;
import java.io.IOException;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.List;

/** The file a drawn set is kept in: {@link PackedPictures} whose index is the JSON of an {@link Index}. */
final class EmojiCacheFile {
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
    }

    /** Writes the pictures in order and returns what they are. */
    @FunctionalInterface
    interface Pictures {
        Index writeTo(WritableByteChannel out) throws IOException;
    }

    /** Replaces the file in one step. */
    static void write(Path file, int size, Pictures pictures) throws IOException {
        PackedPictures.write(file, size, out -> new Gson().toJson(pictures.writeTo(out)));
    }

    /**
     * Maps the pictures after checking every byte of the file.
     *
     * @throws CheckpointFormatException if the file is damaged or holds something else than {@code key}
     */
    static MappedPictures open(Path path, int size, String key) throws IOException {
        PackedPictures pictures = PackedPictures.open(path, size);
        Index index = index(path, pictures.index());
        if (!index.key().equals(key)) {
            throw new CheckpointFormatException(path, "it was drawn from [" + index.key() + "], not [" + key + "]");
        }
        if (index.size() != size || index.entries().size() != pictures.size()) {
            throw new CheckpointFormatException(path, "its index does not fit its pictures");
        }
        return new MappedPictures(index, pictures);
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

    /** The mapped pictures of a file. Safe for use by several threads. */
    record MappedPictures(Index index, PackedPictures pictures) {
        /** Copies the bytes (3, S, S) of picture {@code i} to {@code target}, from {@code offset}. */
        void copyInto(int i, byte[] target, int offset) {
            pictures.copyInto(i, target, offset);
        }
    }
}
