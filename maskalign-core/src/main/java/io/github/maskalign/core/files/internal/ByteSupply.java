package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.CheckpointFormatException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.List;
import java.util.zip.CRC32;

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
            while (target.hasRemaining()) {
                int count = channel.read(target, start + position);
                if (count < 0) {
                    throw new CheckpointFormatException(origin, List.of("the file became shorter while it was read"));
                }
                position += count;
            }
        }
    }

    /** A packed entry of a zip file, see {@link InflatedBytes}. */
    record Inflated(InflatedBytes bytes) implements ByteSupply {
        @Override
        public void read(long position, ByteBuffer target) throws IOException {
            bytes.read(position, target);
        }

        @Override
        public void finish() throws IOException {
            bytes.finish();
        }

        @Override
        public void close() {
            bytes.close();
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
                                java.util.Locale.ROOT,
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
