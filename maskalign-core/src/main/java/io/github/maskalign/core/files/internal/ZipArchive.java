package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.internal.ZipBytes.ZipProblem;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.zip.CRC32;

/**
 * A zip file, by a reader that takes one meaning or none: end record, directory and local headers must lie where they
 * say and agree, names must be plain and differ, entries must not overlap, and nothing is encrypted.
 *
 * <p>Opening reads the directory; the header in front of an entry is compared with it when the entry is asked for, so
 * that a set of a million pictures opens without a million reads. Memory is bounded by the size of the directory,
 * which is a part of the file. All methods may be called by several threads at once. Whoever opened the channel
 * closes it.
 */
public final class ZipArchive {
    private final ZipBytes file;
    private final ZipRules rules;
    private final List<ZipEntryInfo> entries;

    private ZipArchive(ZipBytes file, ZipRules rules, List<ZipEntryInfo> entries) {
        this.file = file;
        this.rules = rules;
        this.entries = entries;
    }

    /** Reads the directory; what is wrong with it is thrown as {@code problems} makes it. */
    public static ZipArchive open(FileChannel channel, ZipRules rules, ZipProblem problems) throws IOException {
        ZipBytes file = new ZipBytes(channel, channel.size(), problems);
        boolean sealed = rules.layout() == ZipRules.Layout.SEALED;
        ZipEnd end = ZipEnd.find(file, !sealed);
        List<ZipEntryInfo> entries = ZipDirectory.read(file, rules, end);
        requireApart(file, entries, end.begin(), sealed);
        return new ZipArchive(file, rules, List.copyOf(entries));
    }

    /** Returns all entries, in the order of the directory. */
    public List<ZipEntryInfo> entries() {
        return entries;
    }

    /** Returns where the bytes of an entry begin, once the header in front of it has been compared. */
    public long begin(ZipEntryInfo entry) throws IOException {
        return ZipLocalHeader.begin(file, entry, rules.layout() == ZipRules.Layout.SEALED);
    }

    /** Returns the bytes of a packed entry. */
    public InflatedBytes inflated(ZipEntryInfo entry) throws IOException {
        return new InflatedBytes(file, entry, begin(entry));
    }

    /** Returns the whole of an entry, whose checksum must be right. The caller has looked at its size. */
    public byte[] content(ZipEntryInfo entry) throws IOException {
        ByteBuffer out = ByteBuffer.allocate(Math.toIntExact(entry.size()));
        if (entry.deflated()) {
            try (InflatedBytes bytes = inflated(entry)) {
                bytes.read(0, out);
            }
            return out.array();
        }
        file.fill(begin(entry), out);
        CRC32 crc = new CRC32();
        crc.update(out.array());
        if (crc.getValue() != entry.crc()) {
            throw file.problem("the entry " + entry.shown() + " is damaged: its checksum is wrong");
        }
        return out.array();
    }

    /** Tells each entry where it has to end. */
    private static void requireApart(ZipBytes file, List<ZipEntryInfo> entries, long directory, boolean sealed)
            throws IOException {
        List<Integer> order = new ArrayList<>(entries.size());
        for (int i = 0; i < entries.size(); i++) {
            order.add(i);
        }
        order.sort(Comparator.comparingLong(i -> entries.get(i).start()));
        long first = order.isEmpty() ? directory : entries.get(order.get(0)).start();
        if (sealed && first != 0) {
            throw file.problem("its first " + first + " bytes belong to no entry");
        }
        for (int i = 0; i < order.size(); i++) {
            ZipEntryInfo entry = entries.get(order.get(i));
            long next = i + 1 < order.size() ? entries.get(order.get(i + 1)).start() : directory;
            if (entry.start() > directory) {
                throw file.problem("the entry " + entry.shown() + " begins at " + entry.start() + ", behind the last");
            }
            if (next - entry.start() - ZipLocalHeader.BYTES < entry.packedSize()) {
                throw ZipLocalHeader.runsOn(file, entry);
            }
            entries.set(order.get(i), entry.until(next));
        }
    }
}
