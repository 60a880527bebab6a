package io.github.maskalign.core.files.internal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What the end of a zip file says of its directory, which must lie right before it.
 *
 * <p>Source: PKWARE APPNOTE 6.3.10, sections 4.3.14 to 4.3.16.
 *
 * @param count number of entries
 * @param size bytes of the directory
 * @param begin where the directory begins
 * @param wide whether a 64-bit record said so
 */
record ZipEnd(long count, long size, long begin, boolean wide) {
    private static final int END_BYTES = 22;
    private static final int END = 0x06054b50;
    private static final int END64_BYTES = 56;
    private static final int END64 = 0x06064b50;
    private static final int LOCATOR_BYTES = 20;
    private static final int LOCATOR = 0x07064b50;
    private static final int MAX_COMMENT = 0xffff;
    private static final long ALL_ONES = 0xffff_ffffL;
    private static final int ALL_ONES_SHORT = 0xffff;

    static ZipEnd find(ZipBytes file, boolean comment) throws IOException {
        int tail = (int) Math.min(file.size(), END_BYTES + (comment ? MAX_COMMENT : 0));
        if (tail >= END_BYTES) {
            ByteBuffer in = file.read(file.size() - tail, tail);
            for (int at = tail - END_BYTES; at >= 0; at--) {
                if (in.getInt(at) == END && Short.toUnsignedInt(in.getShort(at + 20)) == tail - at - END_BYTES) {
                    ByteBuffer record = in.slice(at, END_BYTES).order(ByteOrder.LITTLE_ENDIAN);
                    return parse(file, record, file.size() - tail + at);
                }
            }
        }
        throw file.problem("it is no zip file, or does not end as one: it was cut off, or something was appended");
    }

    private static ZipEnd parse(ZipBytes file, ByteBuffer in, long position) throws IOException {
        int count = Short.toUnsignedInt(in.getShort(10));
        long size = Integer.toUnsignedLong(in.getInt(12));
        long begin = Integer.toUnsignedLong(in.getInt(16));
        requireOnePart(file, in.getShort(4) == 0 && in.getShort(6) == 0 && in.getShort(8) == in.getShort(10));
        if (position < LOCATOR_BYTES || file.read(position - LOCATOR_BYTES, 4).getInt() != LOCATOR) {
            if (size == ALL_ONES || begin == ALL_ONES) {
                throw file.problem("its end record points to a Zip64 record that is not there");
            }
            return new ZipEnd(count, size, begin, false).checked(file, position);
        }
        ByteBuffer locator = file.read(position - LOCATOR_BYTES, LOCATOR_BYTES);
        long wideAt = locator.getLong(8);
        requireOnePart(file, locator.getInt(4) == 0 && locator.getInt(16) == 1);
        if (wideAt < 0 || wideAt != position - LOCATOR_BYTES - END64_BYTES) {
            throw file.problem("its Zip64 end record must lie before its locator but is said to be at " + wideAt);
        }
        ByteBuffer record = file.read(wideAt, END64_BYTES);
        if (record.getInt(0) != END64 || record.getLong(4) != END64_BYTES - 12) {
            throw file.problem("its Zip64 end record is damaged");
        }
        requireOnePart(
                file, record.getInt(16) == 0 && record.getInt(20) == 0 && record.getLong(24) == record.getLong(32));
        ZipEnd found = new ZipEnd(record.getLong(32), record.getLong(40), record.getLong(48), true);
        boolean agree = (count == ALL_ONES_SHORT || count == found.count)
                && (size == ALL_ONES || size == found.size)
                && (begin == ALL_ONES || begin == found.begin);
        if (!agree) {
            throw file.problem("its two end records do not agree");
        }
        return found.checked(file, wideAt);
    }

    private ZipEnd checked(ZipBytes file, long end) throws IOException {
        if (begin < 0 || size < 0 || begin != end - size) {
            throw file.problem("its directory of " + size + " bytes at " + begin
                    + " does not lie right before its end, which is at " + end);
        }
        return this;
    }

    private static void requireOnePart(ZipBytes file, boolean one) throws IOException {
        if (!one) {
            throw file.problem("it must be in one part but its end record speaks of several");
        }
    }
}
