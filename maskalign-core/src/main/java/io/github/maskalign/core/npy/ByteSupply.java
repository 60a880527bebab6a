package io.github.maskalign.core.npy;

import io.github.maskalign.core.io.CheckpointFormatException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.List;
import java.util.zip.CRC32;

/** Bytes [0, size) of a file, or of an entry of a zip file whether it is packed or not. */
interface ByteSupply extends AutoCloseable {
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

    /** Reads front to back only, and knows what the checksum must be in the end. */
    final class Checked implements ByteSupply {
        private static final int PART_BYTES = 1 << 16;

        private final ByteSupply bytes;
        private final long size;
        private final long expected;
        private final String origin;
        private final CRC32 crc = new CRC32();
        private long next;

        Checked(ByteSupply bytes, long size, long expected, String origin) {
            this.bytes = bytes;
            this.size = size;
            this.expected = expected;
            this.origin = origin;
        }

        @Override
        public void read(long position, ByteBuffer target) throws IOException {
            advance(position);
            int from = target.position();
            bytes.read(position, target);
            crc.update(target.duplicate().limit(target.position()).position(from));
            next = position + target.position() - from;
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
