package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.ZipArchive.ZipEntryInfo;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * What a zip file says about one stored entry, in the words that Python's zipfile uses: always with room for 64-bit
 * sizes before the entry, in the directory only from 2 GiB on.
 *
 * <p>Source: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3.
 *
 * @param start where the entry begins
 * @param checksumFollows whether its checksum and sizes stand behind it
 */
public record ZipRecords(byte[] name, long size, long start, boolean checksumFollows, int crc) {
    private static final int MAX_NAME_BYTES = 500;
    private static final short VERSION = 45;
    private static final short UNIX_VERSION = 3 << 8 | VERSION;
    private static final short CHECKSUM_FOLLOWS = 0x0008;
    private static final short UTF8 = 0x0800;
    private static final int JANUARY_1980 = 0x0021 << 16;
    private static final int OWNER_READS_AND_WRITES = 0600 << 16;
    private static final int ALL_ONES = -1;
    private static final long LARGEST_NARROW = Integer.MAX_VALUE;
    private static final int LARGEST_NARROW_COUNT = 0xffff;

    public static ZipRecords of(String key, long size, long start, boolean checksumFollows) {
        return new ZipRecords((key + ".npy").getBytes(StandardCharsets.UTF_8), size, start, checksumFollows, 0);
    }

    /** Refuses names that our own reader would. */
    public static void requireName(String key) {
        if (!ZipEntryInfo.isPlain(key) || key.getBytes(StandardCharsets.UTF_8).length > MAX_NAME_BYTES) {
            throw new IllegalArgumentException("the name of an array must be a plain relative path of at most "
                    + MAX_NAME_BYTES + " bytes but was " + CheckpointFormatException.quote(key));
        }
    }

    public ZipRecords withCrc(int value) {
        return new ZipRecords(name, size, start, checksumFollows, value);
    }

    /** Returns what stands before the entry. */
    public ByteBuffer local() {
        ByteBuffer out = allocate(30 + name.length + 20);
        out.putInt(0x04034b50)
                .putShort(VERSION)
                .putShort(flags())
                .putShort((short) 0)
                .putInt(JANUARY_1980);
        out.putInt(checksumFollows ? 0 : crc).putInt(ALL_ONES).putInt(ALL_ONES);
        out.putShort((short) name.length).putShort((short) 20).put(name);
        long known = checksumFollows ? 0 : size;
        return out.putShort((short) 1)
                .putShort((short) 16)
                .putLong(known)
                .putLong(known)
                .flip();
    }

    /** Returns what stands behind an entry whose checksum follows. */
    public ByteBuffer descriptor() {
        return allocate(24)
                .putInt(0x08074b50)
                .putInt(crc)
                .putLong(size)
                .putLong(size)
                .flip();
    }

    /** Returns what stands in the directory. */
    public ByteBuffer central() {
        boolean wideSize = size > LARGEST_NARROW;
        boolean wideStart = start > LARGEST_NARROW;
        int numbers = (wideSize ? 16 : 0) + (wideStart ? 8 : 0);
        int extra = numbers == 0 ? 0 : 4 + numbers;
        ByteBuffer out = allocate(46 + name.length + extra);
        out.putInt(0x02014b50)
                .putShort(UNIX_VERSION)
                .putShort(VERSION)
                .putShort(flags())
                .putShort((short) 0);
        out.putInt(JANUARY_1980).putInt(crc);
        out.putInt(wideSize ? ALL_ONES : (int) size).putInt(wideSize ? ALL_ONES : (int) size);
        out.putShort((short) name.length)
                .putShort((short) extra)
                .putShort((short) 0)
                .putInt(0);
        out.putInt(OWNER_READS_AND_WRITES)
                .putInt(wideStart ? ALL_ONES : (int) start)
                .put(name);
        if (extra > 0) {
            out.putShort((short) 1).putShort((short) numbers);
        }
        if (wideSize) {
            out.putLong(size).putLong(size);
        }
        if (wideStart) {
            out.putLong(start);
        }
        return out.flip();
    }

    /** Returns what stands at the end of the file. */
    public static ByteBuffer end(int entries, long start, long size) {
        ByteBuffer out = allocate(56 + 20 + 22);
        if (entries > LARGEST_NARROW_COUNT || start > LARGEST_NARROW || size > LARGEST_NARROW) {
            out.putInt(0x06064b50)
                    .putLong(44)
                    .putShort(VERSION)
                    .putShort(VERSION)
                    .putInt(0)
                    .putInt(0);
            out.putLong(entries).putLong(entries).putLong(size).putLong(start);
            out.putInt(0x07064b50).putInt(0).putLong(start + size).putInt(1);
        }
        short count = (short) Math.min(entries, LARGEST_NARROW_COUNT);
        out.putInt(0x06054b50).putInt(0).putShort(count).putShort(count);
        return out.putInt(narrow(size))
                .putInt(narrow(start))
                .putShort((short) 0)
                .flip();
    }

    private short flags() {
        boolean ascii = true;
        for (byte b : name) {
            ascii &= b >= 0;
        }
        return (short) ((checksumFollows ? CHECKSUM_FOLLOWS : 0) | (ascii ? 0 : UTF8));
    }

    private static int narrow(long value) {
        return (int) Math.min(value, 0xffff_ffffL);
    }

    private static ByteBuffer allocate(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
