package io.github.maskalign.core.torchfile;

import io.github.maskalign.core.io.CheckpointFormatException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * The central directory of a zip file, with its 64-bit form, as section 4.3 of PKWARE's APPNOTE describes them.
 *
 * <p>Only what an archive of weights needs is allowed: one disk, no comment, nothing before the first entry and nothing
 * after the end record, entries that are neither encrypted nor links.
 */
final class ZipDirectory {
    static final int MAX_ENTRIES = 100_000;
    /** Bit 0, 6 and 13 of the flags: encryption of one kind or another. */
    private static final int ENCRYPTED = 0x2041;

    private static final int END = 0x06054b50;
    private static final int END_BYTES = 22;
    private static final int END64 = 0x06064b50;
    private static final int END64_BYTES = 56;
    private static final int LOCATOR = 0x07064b50;
    private static final int LOCATOR_BYTES = 20;
    private static final int HEADER = 0x02014b50;
    private static final int HEADER_BYTES = 46;
    private static final int MAX_BYTES = 64 << 20;
    private static final long ALL_ONES = 0xffffffffL;

    private final FileBytes file;
    private long count;
    private long size;
    private long begin;
    private long end;

    /**
     * One line of the directory.
     *
     * @param name the bytes of its name
     * @param flags the general purpose flags
     * @param crc CRC-32 of the data, unsigned
     * @param stored whether the data are stored as they are, not compressed
     * @param size bytes of data, unpacked
     * @param header where the local header begins
     */
    record Line(byte[] name, int flags, boolean stored, long crc, long size, long header) {}

    private ZipDirectory(FileBytes file) {
        this.file = file;
    }

    static ZipDirectory find(FileBytes file) throws IOException {
        ZipDirectory directory = new ZipDirectory(file);
        directory.findEnd();
        return directory;
    }

    /** Returns where the directory begins, which is where the last entry ends. */
    long begin() {
        return begin;
    }

    /** Reads all lines, in the order of the directory. */
    List<Line> lines() throws IOException {
        ByteBuffer in = file.read(begin, (int) size);
        List<Line> lines = new ArrayList<>();
        while (in.hasRemaining()) {
            lines.add(line(in, lines.size()));
        }
        if (lines.size() != count) {
            throw file.problem(
                    "the zip directory must have " + count + " entries, as its end says, but has " + lines.size());
        }
        return lines;
    }

    private void findEnd() throws IOException {
        long at = file.size() - END_BYTES;
        if (at < 0) {
            throw cutOff();
        }
        ByteBuffer in = file.read(at, END_BYTES);
        if (in.getInt() != END) {
            throw cutOff();
        }
        int disks = in.getInt(); // this disk, and the one where the directory begins
        long here = Short.toUnsignedLong(in.getShort());
        count = Short.toUnsignedLong(in.getShort());
        size = Integer.toUnsignedLong(in.getInt());
        begin = Integer.toUnsignedLong(in.getInt());
        if (disks != 0 || here != count || in.getShort() != 0) {
            throw file.problem("a zip of weights must be one file without a comment");
        }
        end = at;
        findEnd64(at - LOCATOR_BYTES);
        if (count > MAX_ENTRIES || size > MAX_BYTES) {
            throw file.problem("the zip directory must have at most " + MAX_ENTRIES + " entries and " + MAX_BYTES
                    + " bytes but has " + count + " and " + size);
        }
        if (begin < 0 || begin > end || size != end - begin) {
            throw file.problem("the zip directory must lie right before its end at " + end + " but is said to begin at "
                    + begin + " and to have " + size + " bytes");
        }
    }

    private void findEnd64(long at) throws IOException {
        if (at < END64_BYTES) {
            return;
        }
        ByteBuffer in = file.read(at, LOCATOR_BYTES);
        if (in.getInt() != LOCATOR) {
            return;
        }
        int disk = in.getInt();
        long begin64 = in.getLong();
        if (disk != 0 || in.getInt() != 1 || begin64 != at - END64_BYTES) {
            throw file.problem("the 64-bit end of the zip directory must lie right before its locator at " + at);
        }
        in = file.read(begin64, END64_BYTES);
        boolean fits = in.getInt() == END64 && in.getLong() == END64_BYTES - 12;
        in.getInt(); // versions of the writer and of the needed reader
        long disks = in.getLong();
        long here = in.getLong();
        long count64 = in.getLong();
        long size64 = in.getLong();
        long offset64 = in.getLong();
        if (!fits
                || disks != 0
                || here != count64
                || !agree(count, 0xffff, count64)
                || !agree(size, ALL_ONES, size64)
                || !agree(begin, ALL_ONES, offset64)) {
            throw file.problem("the 64-bit end of the zip directory does not agree with the 32-bit one");
        }
        if (count64 < 0 || size64 < 0) {
            throw file.problem("the zip directory must not have a negative size");
        }
        count = count64;
        size = size64;
        begin = offset64;
        end = begin64;
    }

    private static boolean agree(long narrow, long unknown, long wide) {
        return narrow == unknown || narrow == wide;
    }

    private Line line(ByteBuffer in, int index) throws IOException {
        String what = "entry " + index + " of the zip directory";
        if (in.remaining() < HEADER_BYTES || in.getInt() != HEADER) {
            throw file.problem(what + " must begin at byte " + (end - in.remaining()) + " but does not");
        }
        in.getInt(); // versions
        int flags = Short.toUnsignedInt(in.getShort());
        int method = Short.toUnsignedInt(in.getShort());
        in.getInt(); // time and date
        long crc = Integer.toUnsignedLong(in.getInt());
        long stored = Integer.toUnsignedLong(in.getInt());
        long unpacked = Integer.toUnsignedLong(in.getInt());
        byte[] name = new byte[Short.toUnsignedInt(in.getShort())];
        byte[] extra = new byte[Short.toUnsignedInt(in.getShort())];
        int comment = Short.toUnsignedInt(in.getShort());
        int disk = in.getShort();
        in.getShort(); // internal attributes
        int attributes = in.getInt();
        long header = Integer.toUnsignedLong(in.getInt());
        if (in.remaining() < name.length + extra.length) {
            throw file.problem(what + " is longer than the directory");
        }
        in.get(name).get(extra);
        long[] values = {unpacked, stored, header};
        ZipExtra.widen(file, what, extra, values);
        if (disk != 0 || comment != 0 || (attributes >>> 28) == 0xa) { // 0xa: a symbolic link
            throw file.problem(what + " must be a plain file without a comment");
        }
        if ((flags & ENCRYPTED) != 0) {
            throw file.problem(what + " is encrypted");
        }
        if (values[0] < 0 || values[1] < 0 || values[2] < 0) {
            throw file.problem(what + " must not have a negative size or place");
        }
        return new Line(name, flags, method == 0 && values[0] == values[1], crc, values[0], values[2]);
    }

    private CheckpointFormatException cutOff() {
        return file.problem("is a zip file that does not end as one: it was cut off, or something was appended");
    }
}
