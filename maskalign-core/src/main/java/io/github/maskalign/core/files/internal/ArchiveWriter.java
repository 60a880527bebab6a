package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.TensorSource;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32;

/**
 * Writes the container of a PyTorch checkpoint front to back, laid out as PyTorch does: stored entries whose data begin
 * at multiples of 64 bytes, checksum and size behind the data, a directory with 64-bit numbers where they are needed.
 */
final class ArchiveWriter {
    private static final int ALIGNMENT = 64;
    private static final int FLAGS = 0x0808; // checksum and sizes follow the data, names are UTF-8
    private static final int NEEDED = 45; // version of a reader that knows 64-bit numbers
    private static final long ALL_ONES = 0xffffffffL;
    private static final int ZIP64 = 1;
    private static final int PADDING = 'F' | 'B' << 8;

    private final WritableByteChannel out;
    private final String folder;
    private final List<Entry> entries = new ArrayList<>();
    private long position;

    /** An entry in the directory. */
    private record Entry(byte[] name, long crc, long size, long header) {}

    ArchiveWriter(WritableByteChannel out, String folder) {
        this.out = out;
        this.folder = folder;
    }

    void entry(String name, byte[] content) throws IOException {
        entry(name, content.length, sink -> sink.accept(ByteBuffer.wrap(content)));
    }

    void entry(String name, TensorSource tensor) throws IOException {
        entry(name, tensor.byteSize(), sink -> {
            long begin = position;
            tensor.sendTo(sink);
            if (position - begin != tensor.byteSize()) {
                throw new IllegalStateException(
                        tensor.origin() + " sent " + (position - begin) + " bytes but has " + tensor.byteSize());
            }
        });
    }

    private void entry(String name, long size, Content content) throws IOException {
        byte[] path = (folder + "/" + name).getBytes(StandardCharsets.UTF_8);
        long header = position;
        boolean wide = size >= ALL_ONES || header >= ALL_ONES;
        ByteBuffer local = buffer(30 + path.length + (wide ? 20 : 0) + 4 + ALIGNMENT);
        int extra = (wide ? 20 : 0) + 4;
        int padding = (int) -Math.floorMod(position + 30 + path.length + extra, -(long) ALIGNMENT);
        local.putInt(0x04034b50).putShort((short) NEEDED).putShort((short) FLAGS);
        local.putShort((short) 0).putInt(0); // stored, no time
        local.putInt(0).putInt(wide ? -1 : 0).putInt(wide ? -1 : 0);
        local.putShort((short) path.length).putShort((short) (extra + padding)).put(path);
        if (wide) {
            local.putShort((short) ZIP64).putShort((short) 16).putLong(size).putLong(size);
        }
        local.putShort((short) PADDING).putShort((short) padding);
        send(local.limit(local.position() + padding).rewind());
        CRC32 crc = new CRC32();
        content.writeTo(chunk -> {
            crc.update(chunk.duplicate());
            send(chunk);
        });
        ByteBuffer descriptor = buffer(24).putInt(0x08074b50).putInt((int) crc.getValue());
        if (wide) {
            descriptor.putLong(size).putLong(size);
        } else {
            descriptor.putInt((int) size).putInt((int) size);
        }
        send(descriptor.flip());
        entries.add(new Entry(path, crc.getValue(), size, header));
    }

    /** Writes the directory. */
    void finish() throws IOException {
        long begin = position;
        for (Entry entry : entries) {
            send(line(entry));
        }
        long size = position - begin;
        long end64 = position;
        ByteBuffer end = buffer(56 + 20 + 22);
        end.putInt(0x06064b50).putLong(44).putShort((short) NEEDED).putShort((short) NEEDED);
        end.putInt(0)
                .putInt(0)
                .putLong(entries.size())
                .putLong(entries.size())
                .putLong(size)
                .putLong(begin);
        end.putInt(0x07064b50).putInt(0).putLong(end64).putInt(1);
        end.putInt(0x06054b50).putInt(0);
        end.putShort(narrow16(entries.size())).putShort(narrow16(entries.size()));
        end.putInt(narrow(size)).putInt(narrow(begin)).putShort((short) 0);
        send(end.flip());
    }

    private static ByteBuffer line(Entry entry) {
        ByteBuffer extra = buffer(28);
        extra.putShort((short) ZIP64).putShort((short) 0);
        if (entry.size >= ALL_ONES) {
            extra.putLong(entry.size).putLong(entry.size);
        }
        if (entry.header >= ALL_ONES) {
            extra.putLong(entry.header);
        }
        extra.putShort(2, (short) (extra.position() - 4));
        int extraBytes = extra.position() == 4 ? 0 : extra.position();
        ByteBuffer line = buffer(46 + entry.name.length + extraBytes);
        line.putInt(0x02014b50)
                .putShort((short) NEEDED)
                .putShort((short) NEEDED)
                .putShort((short) FLAGS);
        line.putShort((short) 0).putInt(0).putInt((int) entry.crc);
        line.putInt(narrow(entry.size)).putInt(narrow(entry.size));
        line.putShort((short) entry.name.length).putShort((short) extraBytes).putShort((short) 0);
        line.putShort((short) 0).putShort((short) 0).putInt(0).putInt(narrow(entry.header));
        return line.put(entry.name).put(extra.array(), 0, extraBytes).flip();
    }

    private void send(ByteBuffer bytes) throws IOException {
        position += out.write(bytes);
    }

    private static int narrow(long value) {
        return (int) Math.min(value, ALL_ONES);
    }

    private static short narrow16(int value) {
        return (short) Math.min(value, 0xffff);
    }

    private static ByteBuffer buffer(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** What an entry holds. */
    @FunctionalInterface
    private interface Content {
        void writeTo(TensorSource.Sink sink) throws IOException;
    }
}
