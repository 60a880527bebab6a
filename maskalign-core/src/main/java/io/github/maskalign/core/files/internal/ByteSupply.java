package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.ZipArchive.ZipEntryInfo;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.List;
import java.util.Locale;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.jspecify.annotations.Nullable;

/** Bytes [0, size) of a file, or of an entry of a zip file whether it is packed or not. */
public interface ByteSupply extends AutoCloseable {
    /** Fills {@code target} with the bytes from {@code position} on, all of which must be there. */
    void read(long position, ByteBuffer target) throws IOException;

    /** Reads what has not been read yet, and compares the checksum if there is one. */
    default void finish() throws IOException {}

    @Override
    default void close() {}

    /** Part of a file, from {@code start} on. */
    record OfFile(FileChannel channel, long start, String origin) implements ByteSupply {
        @Override
        public void read(long position, ByteBuffer target) throws IOException {
            try {
                FileBytes.fill(channel, start + position, target);
            } catch (EOFException e) {
                throw new CheckpointFormatException(origin, List.of("the file became shorter while it was read"));
            }
        }
    }

    /**
     * The unpacked bytes of a deflated zip entry. Reading on is cheap, reading from further back starts again.
     *
     * <p>Exactly the declared number of bytes must come out, and their checksum is compared when the last one does.
     */
    final class Inflated implements ByteSupply {
        private static final int PART_BYTES = 1 << 16;

        private final FileBytes file;
        private final ZipEntryInfo entry;
        private final long begin;
        private final CRC32 crc = new CRC32();
        private @Nullable Inflater current;
        private long taken;
        private long given;

        Inflated(FileBytes file, ZipEntryInfo entry, long begin) {
            this.file = file;
            this.entry = entry;
            this.begin = begin;
        }

        @Override
        public synchronized void read(long position, ByteBuffer target) throws IOException {
            if (position < given) {
                close();
            }
            Inflater inflater = current == null ? new Inflater(true) : current;
            current = inflater;
            if (given < position) {
                ByteBuffer skipped = ByteBuffer.allocate((int) Math.min(PART_BYTES, position - given));
                while (given < position) {
                    inflate(inflater, skipped.clear().limit((int) Math.min(skipped.capacity(), position - given)));
                }
            }
            inflate(inflater, target);
        }

        @Override
        public synchronized void finish() throws IOException {
            read(entry.size(), ByteBuffer.allocate(0)); // which compares the checksum
        }

        /** Lets go of the memory; reading starts again at the beginning. */
        @Override
        public synchronized void close() {
            if (current != null) {
                current.end();
                current = null;
            }
            crc.reset();
            taken = 0;
            given = 0;
        }

        private void inflate(Inflater inflater, ByteBuffer target) throws IOException {
            int from = target.position();
            try {
                while (target.hasRemaining()) {
                    if (inflater.inflate(target) == 0) {
                        supply(inflater);
                    }
                }
            } catch (DataFormatException e) {
                throw damaged("its compressed data makes no sense", e);
            }
            crc.update(target.duplicate().limit(target.position()).position(from));
            given += target.position() - from;
            if (given == entry.size()) {
                requireEnd(inflater);
            }
        }

        /** Nothing may come after the last byte, packed or unpacked. */
        private void requireEnd(Inflater inflater) throws IOException {
            try {
                ByteBuffer more = ByteBuffer.allocate(1);
                while (!inflater.finished()) {
                    if (inflater.inflate(more) > 0) {
                        throw damaged("more than the declared " + entry.size() + " bytes come out", null);
                    }
                    if (!inflater.finished()) {
                        supply(inflater);
                    }
                }
            } catch (DataFormatException e) {
                throw damaged("its compressed data makes no sense", e);
            }
            if (inflater.getBytesRead() != entry.packedSize()) {
                throw damaged("its compressed data ends before it should", null);
            }
            if (crc.getValue() != entry.crc()) {
                throw damaged("its checksum is wrong", null);
            }
        }

        private void supply(Inflater inflater) throws IOException {
            if (inflater.finished() || inflater.needsDictionary() || taken == entry.packedSize()) {
                throw damaged("less than the declared " + entry.size() + " bytes come out", null);
            }
            ByteBuffer part = ByteBuffer.allocate((int) Math.min(PART_BYTES, entry.packedSize() - taken));
            file.read(begin + taken, part);
            taken += part.position();
            inflater.setInput(part.flip());
        }

        private IOException damaged(String how, @Nullable Throwable cause) {
            return file.problem("the entry " + entry.shown() + " is damaged: " + how, cause);
        }
    }

    /** Reads anywhere, and compares the checksum whenever the reads have gone from {@code start} to the end in order. */
    final class Watched implements ByteSupply {
        private final ByteSupply bytes;
        private final long start;
        private final long size;
        private final String origin;
        private final long expected;
        private Checked sums;
        private long next = -1;

        public Watched(ByteSupply bytes, long start, long size, long expected, String origin) {
            this.bytes = bytes;
            this.start = start;
            this.size = size;
            this.expected = expected;
            this.origin = origin;
            sums = new Checked(bytes, size, expected, origin);
        }

        @Override
        public void read(long position, ByteBuffer target) throws IOException {
            int from = target.position();
            bytes.read(position, target);
            note(position, target.duplicate().limit(target.position()).position(from));
        }

        private synchronized void note(long position, ByteBuffer part) throws IOException {
            if (position == start) {
                sums = new Checked(bytes, size, expected, origin);
                next = start;
            }
            if (position == next) {
                sums.add(position, part);
                next += part.remaining();
                if (next == size) {
                    sums.finish();
                }
            }
        }
    }

    /** Reads front to back only, and knows what the checksum must be in the end. */
    final class Checked implements ByteSupply {
        private static final int PART_BYTES = 1 << 16;

        private final ByteSupply bytes;
        private final long size;
        private final long expected;
        private final String origin;
        private final CRC32 crc = new CRC32();
        private long next;

        public Checked(ByteSupply bytes, long size, long expected, String origin) {
            this.bytes = bytes;
            this.size = size;
            this.expected = expected;
            this.origin = origin;
        }

        @Override
        public void read(long position, ByteBuffer target) throws IOException {
            int from = target.position();
            bytes.read(position, target);
            add(position, target.duplicate().limit(target.position()).position(from));
        }

        /** Takes bytes that somebody has read, and reads those before them that nobody has. */
        private void add(long position, ByteBuffer part) throws IOException {
            advance(position);
            next += part.remaining();
            crc.update(part.duplicate());
        }

        @Override
        public void finish() throws IOException {
            advance(size);
            if (crc.getValue() != expected) {
                throw new CheckpointFormatException(
                        origin,
                        List.of(String.format(
                                Locale.ROOT,
                                "the data is damaged: its checksum is %08x but must be %08x",
                                crc.getValue(),
                                expected)));
            }
        }

        private void advance(long position) throws IOException {
            while (next < position) {
                ByteBuffer part = ByteBuffer.allocate((int) Math.min(PART_BYTES, position - next));
                bytes.read(next, part);
                next += part.flip().remaining();
                crc.update(part);
            }
        }
    }
}
