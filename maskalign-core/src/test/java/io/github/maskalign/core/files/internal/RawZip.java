package io.github.maskalign.core.files.internal;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32;

/** A zip file of which every field can be wrong. */
public final class RawZip {
    public final List<Entry> entries = new ArrayList<>();
    public final ByteArrayOutputStream out = new ByteArrayOutputStream();

    /** End record: how it is wrong. */
    public int diskNumber;

    public int countChange;
    public long directoryOffsetChange;
    public String comment = "";
    public byte[] tail = {};
    public byte[] beforeDirectory = {};
    public boolean zip64;
    public long zip64CountChange;

    public static final class Entry {
        public String name;
        public byte[] data;
        public String localName;
        public int flags;
        public int localFlags;
        public int method;
        public int localMethod;
        public long crc;
        public long localCrc;
        public long size;
        public long stored;
        public long localSize;
        public long headerChange;
        public int attributes;
        public byte[] localExtra = {};
        public byte[] extra = {};
        public byte[] descriptor = {};
        private long header;

        public Entry(String name, byte[] data) {
            this.name = name;
            this.localName = name;
            this.data = data;
            CRC32 sum = new CRC32();
            sum.update(data);
            crc = sum.getValue();
            localCrc = crc;
            size = data.length;
            stored = size;
            localSize = size;
        }
    }

    public RawZip add(String name, byte[] data) {
        entries.add(new Entry(name, data));
        return this;
    }

    /** A checkpoint that holds None. */
    public static RawZip checkpoint() {
        return new RawZip()
                .add("archive/data.pkl", new byte[] {(byte) 0x80, 2, 'N', '.'})
                .add("archive/byteorder", "little".getBytes(StandardCharsets.US_ASCII))
                .add("archive/version", "3\n".getBytes(StandardCharsets.US_ASCII));
    }

    public Entry get(int index) {
        return entries.get(index);
    }

    public byte[] bytes() {
        for (Entry e : entries) {
            e.header = out.size();
            byte[] name = e.localName.getBytes(StandardCharsets.UTF_8);
            put(4, 0x04034b50);
            put(2, 20);
            put(2, e.localFlags);
            put(2, e.localMethod);
            put(4, 0);
            put(4, e.localCrc);
            put(4, e.localSize);
            put(4, e.localSize);
            put(2, name.length);
            put(2, e.localExtra.length);
            out.writeBytes(name);
            out.writeBytes(e.localExtra);
            out.writeBytes(e.data);
            out.writeBytes(e.descriptor);
        }
        out.writeBytes(beforeDirectory);
        long begin = out.size();
        for (Entry e : entries) {
            byte[] name = e.name.getBytes(StandardCharsets.UTF_8);
            put(4, 0x02014b50);
            put(2, 20);
            put(2, 20);
            put(2, e.flags);
            put(2, e.method);
            put(4, 0);
            put(4, e.crc);
            put(4, e.stored);
            put(4, e.size);
            put(2, name.length);
            put(2, e.extra.length);
            put(2, 0);
            put(2, 0);
            put(2, 0);
            put(4, e.attributes);
            put(4, e.header + e.headerChange);
            out.writeBytes(name);
            out.writeBytes(e.extra);
        }
        long size = out.size() - begin;
        int count = entries.size() + countChange;
        if (zip64) {
            long at = out.size();
            put(4, 0x06064b50);
            put(8, 44);
            put(4, 0x2d002d);
            put(8, 0);
            put(8, entries.size() + zip64CountChange);
            put(8, entries.size() + zip64CountChange);
            put(8, size);
            put(8, begin + directoryOffsetChange);
            put(4, 0x07064b50);
            put(4, 0);
            put(8, at);
            put(4, 1);
        }
        put(4, 0x06054b50);
        put(2, diskNumber);
        put(2, diskNumber);
        put(2, zip64 ? 0xffff : count);
        put(2, zip64 ? 0xffff : count);
        put(4, zip64 ? -1 : size);
        put(4, zip64 ? -1 : begin + directoryOffsetChange);
        put(2, comment.length());
        out.writeBytes(comment.getBytes(StandardCharsets.US_ASCII));
        out.writeBytes(tail);
        return out.toByteArray();
    }

    public static byte[] little(int bytes, long value) {
        byte[] all = ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(value)
                .array();
        return java.util.Arrays.copyOf(all, bytes);
    }

    private void put(int bytes, long value) {
        out.writeBytes(little(bytes, value));
    }
}
