package io.github.maskalign.core.npy;

import io.github.maskalign.core.io.CheckpointFormatException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The entries of a zip file, by a reader that takes one meaning or none: end record, directory and local headers must
 * lie where they say and agree, names must be plain and differ, entries must not overlap, and nothing is encrypted.
 *
 * <p>Source: PKWARE APPNOTE 6.3.10, sections 4.3 to 4.5.
 */
final class ZipDirectory {
    private static final int END_BYTES = 22;
    private static final int END = 0x06054b50;
    private static final int END64_BYTES = 56;
    private static final int END64 = 0x06064b50;
    private static final int LOCATOR_BYTES = 20;
    private static final int LOCATOR = 0x07064b50;
    private static final int MAX_COMMENT = 0xffff;
    private static final int MAX_DIRECTORY_BYTES = 64 << 20;
    private static final long ALL_ONES = 0xffff_ffffL;
    private static final int ALL_ONES_SHORT = 0xffff;

    private final FileChannel channel;
    private final String origin;
    private final NpzLimits limits;

    private record End(long entries, long size, long offset, long position) {}

    private ZipDirectory(FileChannel channel, String origin, NpzLimits limits) {
        this.channel = channel;
        this.origin = origin;
        this.limits = limits;
    }

    /** Returns all entries by name, in the order of the directory. */
    static Map<String, ZipEntryInfo> read(FileChannel channel, String origin, NpzLimits limits) throws IOException {
        return new ZipDirectory(channel, origin, limits).read();
    }

    private Map<String, ZipEntryInfo> read() throws IOException {
        End end = end();
        if (end.offset() < 0 || end.size() < 0 || end.offset() != end.position() - end.size()) {
            throw problem("its directory of " + end.size() + " bytes at " + end.offset()
                    + " does not end where the end record begins, at " + end.position());
        }
        if (end.entries() < 0 || end.entries() > limits.maxEntries()) {
            throw problem("it must have at most " + limits.maxEntries() + " entries (NpzLimits.maxEntries) but has "
                    + Long.toUnsignedString(end.entries()));
        }
        if (end.size() > MAX_DIRECTORY_BYTES || end.size() < end.entries() * ZipHeaders.CENTRAL_BYTES) {
            throw problem("its directory has " + end.size() + " bytes, which cannot be right for " + end.entries()
                    + " entries");
        }
        ByteBuffer directory = bytes(end.offset(), (int) end.size());
        ZipHeaders headers = new ZipHeaders(origin);
        Map<String, ZipEntryInfo> entries = new LinkedHashMap<>();
        long total = 0;
        for (long i = 0; i < end.entries(); i++) {
            ZipHeaders.Central central = headers.central(directory);
            ZipEntryInfo entry = located(headers, central, end.offset());
            requireSensible(entry);
            if (entry.deflated()) {
                total = Math.addExact(total, entry.size());
            }
            if (total > limits.maxPackedTotal()) {
                throw problem("its packed entries must have at most " + limits.maxPackedTotal()
                        + " bytes in all (NpzLimits.maxPackedTotal)");
            }
            if (entries.put(entry.name(), entry) != null) {
                throw problem("it has two entries of the name " + ZipHeaders.shown(entry.name()));
            }
        }
        if (directory.hasRemaining()) {
            throw problem("its directory has more than the " + end.entries() + " entries that the end record counts");
        }
        requireApart(entries);
        return entries;
    }

    private ZipEntryInfo located(ZipHeaders headers, ZipHeaders.Central central, long limit) throws IOException {
        ZipEntryInfo entry = central.entry();
        if (entry.start() < 0 || entry.start() > limit - ZipHeaders.LOCAL_BYTES) {
            throw problem("the entry " + ZipHeaders.shown(entry.name()) + " begins at " + entry.start()
                    + ", not in the file");
        }
        ByteBuffer start = bytes(entry.start(), ZipHeaders.LOCAL_BYTES);
        int rest = ZipHeaders.variableBytes(start);
        long data = entry.start() + ZipHeaders.LOCAL_BYTES + rest;
        if (data > limit || entry.packedSize() > limit - data) {
            throw problem("the entry " + ZipHeaders.shown(entry.name()) + " of " + entry.packedSize()
                    + " bytes reaches into the directory");
        }
        headers.requireAgreement(central, bytes(entry.start(), ZipHeaders.LOCAL_BYTES + rest));
        return entry.at(data);
    }

    private void requireSensible(ZipEntryInfo entry) throws CheckpointFormatException {
        if (!entry.deflated() && entry.size() != entry.packedSize()) {
            throw problem("the entry " + ZipHeaders.shown(entry.name()) + " is not packed but has two sizes, "
                    + entry.size() + " and " + entry.packedSize());
        }
        if (entry.deflated()
                && entry.size() > NpzLimits.FREE_BYTES
                && entry.size() > limits.maxRatio() * entry.packedSize()) {
            throw problem("the entry " + ZipHeaders.shown(entry.name()) + " must unpack to at most "
                    + limits.maxRatio() + " times its " + entry.packedSize() + " bytes (NpzLimits.maxRatio) but claims "
                    + entry.size());
        }
    }

    private void requireApart(Map<String, ZipEntryInfo> entries) throws CheckpointFormatException {
        List<ZipEntryInfo> sorted = new ArrayList<>(entries.values());
        sorted.sort(Comparator.comparingLong(ZipEntryInfo::start));
        for (int i = 1; i < sorted.size(); i++) {
            if (sorted.get(i).start() < sorted.get(i - 1).end()) {
                throw problem(
                        "the entries " + ZipHeaders.shown(sorted.get(i - 1).name()) + " and "
                                + ZipHeaders.shown(sorted.get(i).name()) + " overlap");
            }
        }
    }

    private End end() throws IOException {
        long size = channel.size();
        if (size < END_BYTES) {
            throw problem("a zip file has at least " + END_BYTES + " bytes but this one has " + size);
        }
        int tail = (int) Math.min(size, END_BYTES + MAX_COMMENT);
        ByteBuffer in = bytes(size - tail, tail);
        for (int at = tail - END_BYTES; at >= 0; at--) {
            if (in.getInt(at) == END && Short.toUnsignedInt(in.getShort(at + 20)) == tail - at - END_BYTES) {
                return end(in.position(at).slice().order(ByteOrder.LITTLE_ENDIAN), size - tail + at);
            }
        }
        throw problem("it has no zip end record: it is no .npz file, or cut off");
    }

    private End end(ByteBuffer in, long position) throws IOException {
        int entries = Short.toUnsignedInt(in.getShort(10));
        long size = Integer.toUnsignedLong(in.getInt(12));
        long offset = Integer.toUnsignedLong(in.getInt(16));
        requireOneDisk(in.getShort(4) == 0 && in.getShort(6) == 0 && in.getShort(8) == in.getShort(10));
        boolean wide = entries == ALL_ONES_SHORT || size == ALL_ONES || offset == ALL_ONES;
        if (position < LOCATOR_BYTES || bytes(position - LOCATOR_BYTES, 4).getInt() != LOCATOR) {
            if (wide) {
                throw problem("its end record points to a Zip64 record that is not there");
            }
            return new End(entries, size, offset, position);
        }
        ByteBuffer locator = bytes(position - LOCATOR_BYTES, LOCATOR_BYTES);
        long wideAt = locator.getLong(8);
        requireOneDisk(locator.getInt(4) == 0 && locator.getInt(16) == 1);
        if (wideAt < 0 || wideAt != position - LOCATOR_BYTES - END64_BYTES) {
            throw problem("its Zip64 end record must lie before its locator but is said to be at " + wideAt);
        }
        ByteBuffer record = bytes(wideAt, END64_BYTES);
        if (record.getInt(0) != END64 || record.getLong(4) != END64_BYTES - 12) {
            throw problem("its Zip64 end record is damaged");
        }
        requireOneDisk(record.getInt(16) == 0 && record.getInt(20) == 0 && record.getLong(24) == record.getLong(32));
        End found = new End(record.getLong(32), record.getLong(40), record.getLong(48), wideAt);
        boolean agree = (entries == ALL_ONES_SHORT || entries == found.entries())
                && (size == ALL_ONES || size == found.size())
                && (offset == ALL_ONES || offset == found.offset());
        if (!agree) {
            throw problem("its two end records do not agree");
        }
        return found;
    }

    private void requireOneDisk(boolean one) throws CheckpointFormatException {
        if (!one) {
            throw problem("it must be in one part but its end record speaks of several");
        }
    }

    private ByteBuffer bytes(long position, int count) throws IOException {
        ByteBuffer out = ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
        new ByteSupply.OfFile(channel, 0, origin).read(position, out);
        return out.flip();
    }

    private CheckpointFormatException problem(String text) {
        return new CheckpointFormatException(origin, List.of(text));
    }
}
