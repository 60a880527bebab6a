package io.github.maskalign.examples.emoji;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import io.github.maskalign.core.files.AtomicFile;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The file a drawn set is kept in: magic, pictures (3, S, S) of bytes, index as JSON, place and length of the index,
 * SHA-256 of all that. Numbers are big-endian. Pictures are mapped, so a set costs no heap.
 */
final class EmojiCacheFile {
    private static final byte[] MAGIC = "MASKALIGN-EMOJI1".getBytes(StandardCharsets.US_ASCII);
    private static final int DIGEST_BYTES = 32;
    private static final int TRAILER_BYTES = Long.BYTES + Integer.BYTES + DIGEST_BYTES;
    private static final int MAX_MAPPING = 1 << 30;

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

    /** A file that is not, or no longer, what was asked for. */
    static final class UnusableCacheException extends IOException {
        private static final long serialVersionUID = 1L;

        UnusableCacheException(String message) {
            super(message);
        }
    }

    /** Replaces the file in one step. */
    static void write(Path file, Pictures pictures) throws IOException {
        AtomicFile.write(file, out -> {
            DigestingChannel digesting = new DigestingChannel(out);
            writeFully(digesting, ByteBuffer.wrap(MAGIC));
            Index index = pictures.writeTo(digesting);
            long indexAt = digesting.count();
            byte[] json = new Gson().toJson(index).getBytes(StandardCharsets.UTF_8);
            writeFully(digesting, ByteBuffer.wrap(json));
            ByteBuffer place = ByteBuffer.allocate(Long.BYTES + Integer.BYTES);
            writeFully(digesting, place.putLong(indexAt).putInt(json.length).flip());
            writeFully(out, ByteBuffer.wrap(digesting.digest()));
        });
    }

    /**
     * Maps the pictures after checking every byte of the file.
     *
     * @throws UnusableCacheException if the file is damaged or holds something else than {@code key}
     */
    static MappedPictures open(Path file, String key) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            long length = channel.size();
            if (length < MAGIC.length + TRAILER_BYTES) {
                throw new UnusableCacheException("it has only " + length + " bytes");
            }
            checkDigest(channel, length);
            byte[] magic = readFully(channel, 0, MAGIC.length);
            if (!Arrays.equals(magic, MAGIC)) {
                throw new UnusableCacheException("it is not a file of drawn emoji");
            }
            ByteBuffer place = ByteBuffer.wrap(readFully(channel, length - TRAILER_BYTES, Long.BYTES + Integer.BYTES));
            Index index = index(channel, place.getLong(), place.getInt(), length);
            if (!index.key().equals(key)) {
                throw new UnusableCacheException("it was drawn from [" + index.key() + "], not [" + key + "]");
            }
            return map(channel, index);
        }
    }

    private static void checkDigest(FileChannel channel, long length) throws IOException {
        MessageDigest sha256 = sha256();
        ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 20);
        long at = 0;
        long end = length - DIGEST_BYTES;
        while (at < end) {
            buffer.clear().limit((int) Math.min(buffer.capacity(), end - at));
            int count = channel.read(buffer, at);
            if (count < 0) {
                throw new UnusableCacheException("it ends early");
            }
            sha256.update(buffer.flip());
            at += count;
        }
        if (!MessageDigest.isEqual(sha256.digest(), readFully(channel, end, DIGEST_BYTES))) {
            throw new UnusableCacheException("its checksum does not match its content");
        }
    }

    private static Index index(FileChannel channel, long at, int bytes, long length) throws IOException {
        if (at < MAGIC.length || bytes < 0 || at + bytes != length - TRAILER_BYTES) {
            throw new UnusableCacheException("its index lies outside the file");
        }
        String json = new String(readFully(channel, at, bytes), StandardCharsets.UTF_8);
        Index index;
        try {
            index = new Gson().fromJson(json, Index.class);
        } catch (JsonParseException e) {
            throw new UnusableCacheException("its index cannot be read: " + e.getMessage());
        }
        long pictureBytes = 3L * index.size() * index.size();
        if (pictureBytes * index.entries().size() != at - MAGIC.length) {
            throw new UnusableCacheException("its index does not fit its pictures");
        }
        return index;
    }

    private static MappedPictures map(FileChannel channel, Index index) throws IOException {
        int pictureBytes = 3 * index.size() * index.size();
        int perMapping = MAX_MAPPING / pictureBytes;
        int count = index.entries().size();
        List<MappedByteBuffer> mappings = new ArrayList<>();
        for (int first = 0; first < count; first += perMapping) {
            long bytes = (long) Math.min(perMapping, count - first) * pictureBytes;
            mappings.add(channel.map(MapMode.READ_ONLY, MAGIC.length + (long) first * pictureBytes, bytes));
        }
        return new MappedPictures(index, List.copyOf(mappings), perMapping);
    }

    private static byte[] readFully(FileChannel channel, long at, int count) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(count);
        while (buffer.hasRemaining()) {
            if (channel.read(buffer, at + buffer.position()) < 0) {
                throw new EOFException("The file ends at byte " + (at + buffer.position()));
            }
        }
        return buffer.array();
    }

    private static void writeFully(WritableByteChannel out, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            out.write(bytes);
        }
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    /** The mapped pictures of a file. Safe for use by several threads. */
    record MappedPictures(Index index, List<MappedByteBuffer> mappings, int perMapping) {
        /** Copies the bytes (3, S, S) of picture {@code i} to {@code target}, from {@code offset}. */
        void copyInto(int i, byte[] target, int offset) {
            int pictureBytes = 3 * index.size() * index.size();
            mappings.get(i / perMapping).get(i % perMapping * pictureBytes, target, offset, pictureBytes);
        }
    }

    /** Counts and digests what passes through. */
    private static final class DigestingChannel implements WritableByteChannel {
        private final WritableByteChannel out;
        private final MessageDigest sha256 = sha256();
        private long count;

        DigestingChannel(WritableByteChannel out) {
            this.out = out;
        }

        @Override
        public int write(ByteBuffer bytes) throws IOException {
            ByteBuffer written = bytes.duplicate();
            int n = out.write(bytes);
            sha256.update(written.limit(written.position() + n));
            count += n;
            return n;
        }

        long count() {
            return count;
        }

        byte[] digest() {
            return sha256.digest();
        }

        @Override
        public boolean isOpen() {
            return out.isOpen();
        }

        @Override
        public void close() {
            // the channel belongs to the writer of the file
        }
    }
}
