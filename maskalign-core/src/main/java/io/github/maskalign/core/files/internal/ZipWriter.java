package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.NpzWriter.RowStream;
import io.github.maskalign.core.files.TensorSource;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/**
 * Writes a zip file of stored entries front to back, byte for byte as another program lays it out.
 *
 * <p>Source: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3.
 */
public final class ZipWriter {
    private static final long ALL_ONES = 0xffff_ffffL;
    private static final int ALL_ONES_SHORT = 0xffff;
    private static final short CHECKSUM_FOLLOWS = 0x0008;
    private static final short UTF8 = 0x0800;
    private static final short VERSION = 45; // of a reader that knows 64-bit numbers
    private static final short ZIP64 = 1;
    private static final short PADDING = 'F' | 'B' << 8;
    private static final int ALIGNMENT = 64;

    private final WritableByteChannel out;
    private final Layout layout;
    private final List<Entry> entries = new ArrayList<>();
    private long position;

    /** Whose files these are. */
    public enum Layout {
        /**
         * PyTorch's: data begin at multiples of 64 bytes, checksum and sizes stand behind them, and the directory has a
         * 64-bit end always, other 64-bit numbers from 4 GiB on.
         */
        TORCH(VERSION, 0, 0, ALL_ONES - 1, -1),
        /**
         * Python's zipfile's as NumPy uses it: room for 64-bit sizes before each entry, in the directory only from 2
         * GiB on. Checksum and sizes stand before the data, and behind them for a {@link RowStream}.
         */
        NUMPY((short) (3 << 8 | VERSION), 0x0021 << 16, 0600 << 16, Integer.MAX_VALUE, ALL_ONES_SHORT);

        private final short madeBy;
        private final int time;
        private final int attributes;
        private final long largest;
        private final int largestCount;

        Layout(short madeBy, int time, int attributes, long largest, int largestCount) {
            this.madeBy = madeBy;
            this.time = time;
            this.attributes = attributes;
            this.largest = largest;
            this.largestCount = largestCount;
        }

        private short flags(byte[] name, boolean follows) {
            boolean utf8 = this == TORCH;
            for (byte b : name) {
                utf8 |= b < 0;
            }
            return (short) ((follows ? CHECKSUM_FOLLOWS : 0) | (utf8 ? UTF8 : 0));
        }
    }

    /** An entry in the directory. */
    private record Entry(byte[] name, short flags, int crc, long size, long start) {}

    public ZipWriter(WritableByteChannel out, Layout layout) {
        this.out = out;
        this.layout = layout;
    }

    /** Writes an entry. */
    public void entry(String name, byte[] content) throws IOException {
        entry(name, ByteBuffer.wrap(content), null);
    }

    /**
     * Writes an entry of a header and a tensor, which is read twice where its checksum stands before it.
     *
     * @throws IllegalStateException if the tensor has another size than it said, or two contents
     */
    public void entry(String name, ByteBuffer header, @Nullable TensorSource tensor) throws IOException {
        byte[] path = name.getBytes(StandardCharsets.UTF_8);
        long size = header.remaining() + (tensor == null ? 0 : tensor.byteSize());
        long start = position;
        boolean follows = layout == Layout.TORCH || tensor instanceof RowStream;
        boolean wide = layout == Layout.NUMPY || size >= ALL_ONES || start >= ALL_ONES;
        short flags = layout.flags(path, follows);
        int crc = follows ? 0 : new CountedSink(null).accept(header.duplicate(), tensor);
        send(local(path, flags, crc, size, wide));
        int written = new CountedSink(out).accept(header.duplicate(), tensor);
        position += size;
        if (follows) {
            ByteBuffer descriptor = buffer(24).putInt(0x08074b50).putInt(written);
            send(numbers(descriptor, wide, size).flip());
        } else if (crc != written) {
            throw new IllegalStateException(
                    (tensor == null ? name : tensor.origin()) + " changed while it was written");
        }
        entries.add(new Entry(path, flags, written, size, start));
    }

    /** Returns what stands before an entry. */
    private ByteBuffer local(byte[] name, short flags, int crc, long size, boolean wide) {
        ByteBuffer extra = buffer(20 + 4 + ALIGNMENT);
        boolean known = layout == Layout.TORCH || (flags & CHECKSUM_FOLLOWS) == 0;
        if (wide) {
            numbers(extra.putShort(ZIP64).putShort((short) 16), true, known ? size : 0);
        }
        if (layout == Layout.TORCH) {
            int padding = Math.floorMod(-(position + 30 + name.length + extra.position() + 4), ALIGNMENT);
            extra.putShort(PADDING).putShort((short) padding).position(extra.position() + padding);
        }
        ByteBuffer local = buffer(30 + name.length + extra.flip().remaining());
        local.putInt(0x04034b50).putShort(VERSION).putShort(flags).putShort((short) 0);
        local.putInt(layout.time).putInt(crc);
        numbers(local, false, wide ? ALL_ONES : 0);
        local.putShort((short) name.length).putShort((short) extra.remaining());
        return local.put(name).put(extra).flip();
    }

    /** Writes the directory. */
    public void finish() throws IOException {
        long begin = position;
        for (Entry entry : entries) {
            send(central(entry));
        }
        long size = position - begin;
        int count = entries.size();
        ByteBuffer end = buffer(56 + 20 + 22);
        if (count > layout.largestCount || begin > layout.largest || size > layout.largest) {
            end.putInt(0x06064b50)
                    .putLong(44)
                    .putShort(VERSION)
                    .putShort(VERSION)
                    .putLong(0);
            end.putLong(count).putLong(count).putLong(size).putLong(begin);
            end.putInt(0x07064b50).putInt(0).putLong(begin + size).putInt(1);
        }
        short narrowCount = (short) Math.min(count, ALL_ONES_SHORT);
        end.putInt(0x06054b50).putInt(0).putShort(narrowCount).putShort(narrowCount);
        end.putInt((int) Math.min(size, ALL_ONES)).putInt((int) Math.min(begin, ALL_ONES));
        send(end.putShort((short) 0).flip());
    }

    /** Returns what stands in the directory. */
    private ByteBuffer central(Entry entry) {
        boolean wideSize = entry.size > layout.largest;
        boolean wideStart = entry.start > layout.largest;
        int numbers = (wideSize ? 16 : 0) + (wideStart ? 8 : 0);
        int extra = numbers == 0 ? 0 : 4 + numbers;
        ByteBuffer line = buffer(46 + entry.name.length + extra);
        line.putInt(0x02014b50).putShort(layout.madeBy).putShort(VERSION).putShort(entry.flags);
        line.putShort((short) 0).putInt(layout.time).putInt(entry.crc);
        numbers(line, false, wideSize ? ALL_ONES : entry.size);
        line.putShort((short) entry.name.length).putShort((short) extra);
        line.putShort((short) 0).putInt(0).putInt(layout.attributes);
        line.putInt((int) (wideStart ? ALL_ONES : entry.start)).put(entry.name);
        if (extra > 0) {
            line.putShort(ZIP64).putShort((short) numbers);
        }
        if (wideSize) {
            numbers(line, true, entry.size);
        }
        if (wideStart) {
            line.putLong(entry.start);
        }
        return line.flip();
    }

    /** Puts the size in the file and the size unpacked, which are the same. */
    private static ByteBuffer numbers(ByteBuffer to, boolean wide, long size) {
        return wide ? to.putLong(size).putLong(size) : to.putInt((int) size).putInt((int) size);
    }

    private void send(ByteBuffer bytes) throws IOException {
        position += bytes.remaining();
        while (bytes.hasRemaining()) {
            out.write(bytes);
        }
    }

    private static ByteBuffer buffer(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Counts the bytes of a tensor, computes their checksum, and passes them on if there is somewhere to. */
    static final class CountedSink implements TensorSource.Sink {
        private final @Nullable WritableByteChannel out;
        private final CRC32 crc = new CRC32();
        private long count;

        CountedSink(@Nullable WritableByteChannel out) {
            this.out = out;
        }

        @Override
        public void accept(ByteBuffer chunk) throws IOException {
            count += chunk.remaining();
            crc.update(chunk.duplicate());
            if (out == null) {
                chunk.position(chunk.limit());
            }
            while (out != null && chunk.hasRemaining()) {
                out.write(chunk);
            }
        }

        /** Sends a header and a whole tensor here and returns the checksum of all bytes so far. */
        int accept(ByteBuffer header, @Nullable TensorSource tensor) throws IOException {
            accept(header);
            long before = count;
            if (tensor != null) {
                tensor.sendTo(this);
                if (count - before != tensor.byteSize()) {
                    throw new IllegalStateException(tensor.origin() + " of type " + tensor.type() + " and shape "
                            + tensor.shape() + " must send " + tensor.byteSize() + " bytes but sent "
                            + (count - before));
                }
            }
            return (int) crc.getValue();
        }
    }
}
