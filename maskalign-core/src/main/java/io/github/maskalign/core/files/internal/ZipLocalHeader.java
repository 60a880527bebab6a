package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.internal.ZipDirectory.ZipExtra;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * The header in front of an entry, and the descriptor behind it: both must say what the directory says.
 *
 * <p>Source: PKWARE APPNOTE 6.3.10, sections 4.3.7 and 4.3.9.
 */
final class ZipLocalHeader {
    static final int BYTES = 30;
    private static final int HEADER = 0x04034b50;
    private static final int DESCRIPTOR = 0x08074b50;
    private static final int DEFLATED = 8;

    private ZipLocalHeader() {}

    static long begin(ZipBytes file, ZipEntryInfo entry, boolean sealed) throws IOException {
        ByteBuffer in = file.read(entry.start(), BYTES);
        int nameBytes = Short.toUnsignedInt(in.getShort(26));
        int extraBytes = Short.toUnsignedInt(in.getShort(28));
        long begin = entry.start() + BYTES + nameBytes + extraBytes;
        if (begin > entry.next() || entry.packedSize() > entry.next() - begin) {
            throw runsOn(file, entry);
        }
        ByteBuffer rest = file.read(entry.start() + BYTES, nameBytes + extraBytes);
        byte[] name = new byte[nameBytes];
        byte[] extra = new byte[extraBytes];
        rest.get(name).get(extra);
        boolean fits = in.getInt(0) == HEADER
                && Short.toUnsignedInt(in.getShort(6)) == entry.flags()
                && Short.toUnsignedInt(in.getShort(8)) == (entry.deflated() ? DEFLATED : 0)
                && entry.isNamed(name)
                && sizesFit(file, entry, in, extra, begin, sealed);
        if (!fits) {
            throw file.problem("the entry " + entry.shown() + " is not the same in the zip directory and at its place "
                    + entry.start());
        }
        return begin;
    }

    static IOException runsOn(ZipBytes file, ZipEntryInfo entry) {
        return file.problem("the entry " + entry.shown() + " of " + entry.packedSize()
                + " bytes runs into the next, or into the directory, at " + entry.next());
    }

    private static boolean sizesFit(
            ZipBytes file, ZipEntryInfo entry, ByteBuffer in, byte[] extra, long begin, boolean sealed)
            throws IOException {
        long crc = Integer.toUnsignedLong(in.getInt(14));
        long[] sizes = {Integer.toUnsignedLong(in.getInt(22)), Integer.toUnsignedLong(in.getInt(18))};
        boolean unknown = entry.descriptorFollows()
                && crc == 0
                && isOpen(sizes[0], entry.size())
                && isOpen(sizes[1], entry.packedSize());
        boolean same = false;
        if (!unknown) {
            ZipExtra.widen(file, entry.shown(), extra, sealed, sizes);
            same = crc == entry.crc() && sizes[0] == entry.size() && sizes[1] == entry.packedSize();
        }
        long end = begin + entry.packedSize();
        if (unknown || sealed && entry.descriptorFollows()) {
            return (unknown || same) && descriptorFits(file, entry, end, sealed);
        }
        return same && (!sealed || end == entry.next());
    }

    /** What is not known yet is written as 0 or as all ones; Info-ZIP knows the one size when it starts. */
    private static boolean isOpen(long found, long size) {
        return found == 0 || found == ZipExtra.ALL_ONES || found == size;
    }

    /** A descriptor repeats checksum and sizes behind the data, in 4 or 8 bytes, with a mark in front or without. */
    private static boolean descriptorFits(ZipBytes file, ZipEntryInfo entry, long at, boolean sealed)
            throws IOException {
        long room = entry.next() - at;
        byte[] found = new byte[(int) Math.min(room, 24)];
        file.fill(at, ByteBuffer.wrap(found));
        for (boolean wide : new boolean[] {true, false}) {
            ByteBuffer expected = ByteBuffer.allocate(24).order(ByteOrder.LITTLE_ENDIAN);
            expected.putInt(DESCRIPTOR).putInt((int) entry.crc());
            for (long size : new long[] {entry.packedSize(), entry.size()}) {
                if (wide) {
                    expected.putLong(size);
                } else {
                    expected.putInt((int) size);
                }
            }
            for (int from : new int[] {0, 4}) {
                int length = expected.position() - from;
                boolean equal = length <= found.length
                        && Arrays.equals(expected.array(), from, from + length, found, 0, length);
                if (equal && (!sealed || length == room)) {
                    return true;
                }
            }
        }
        return false;
    }
}
