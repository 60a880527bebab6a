package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.ZipDirectory.ZipEnd;
import io.github.maskalign.core.files.internal.ZipDirectory.ZipExtra;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.zip.CRC32;

/**
 * A zip file, by a reader that takes one meaning or none: end record, directory and local headers must lie where they
 * say and agree, names must be plain and differ, entries must not overlap, and nothing is encrypted.
 *
 * <p>Opening reads the directory; the header in front of an entry is compared with it when the entry is asked for, so
 * that a set of a million pictures opens without a million reads. Memory is bounded by the size of the directory,
 * which is a part of the file. All methods may be called by several threads at once. Whoever opened the file
 * closes it.
 */
public final class ZipArchive {
    private final FileBytes file;
    private final ZipRules rules;
    private final List<ZipEntryInfo> entries;

    private ZipArchive(FileBytes file, ZipRules rules, List<ZipEntryInfo> entries) {
        this.file = file;
        this.rules = rules;
        this.entries = entries;
    }

    /** Reads the directory; what is wrong with it is thrown as the file makes it. */
    public static ZipArchive open(FileBytes file, ZipRules rules) throws IOException {
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
    public ByteSupply inflated(ZipEntryInfo entry) throws IOException {
        return new ByteSupply.Inflated(file, entry, begin(entry));
    }

    /** Returns the whole of an entry, whose checksum must be right. The caller has looked at its size. */
    public byte[] content(ZipEntryInfo entry) throws IOException {
        ByteBuffer out = ByteBuffer.allocate(Math.toIntExact(entry.size()));
        if (entry.deflated()) {
            try (ByteSupply bytes = inflated(entry)) {
                bytes.read(0, out);
            }
            return out.array();
        }
        file.read(begin(entry), out);
        CRC32 crc = new CRC32();
        crc.update(out.array());
        if (crc.getValue() != entry.crc()) {
            throw file.problem("the entry " + entry.shown() + " is damaged: its checksum is wrong");
        }
        return out.array();
    }

    /** Tells each entry where it has to end. */
    private static void requireApart(FileBytes file, List<ZipEntryInfo> entries, long directory, boolean sealed)
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

    /**
     * What a format demands of its zip files, besides what all must fulfil.
     *
     * @param layout whether anything may stand between the entries
     * @param names encodings of a name that is not marked as UTF-8, the first that fits
     * @param maxNameBytes longest name
     * @param maxEntries number of entries, at least 1
     * @param maxRatio how many bytes one packed byte may become in an entry of more than {@code freeBytes}
     * @param freeBytes size up to which any ratio will do
     * @param maxPackedTotal sum of the unpacked sizes of all packed entries
     * @param settings what messages call the place of these limits, such as {@code NpzLimits}; empty if they are fixed
     */
    public record ZipRules(
            Layout layout,
            List<Charset> names,
            int maxNameBytes,
            int maxEntries,
            double maxRatio,
            long freeBytes,
            long maxPackedTotal,
            String settings) {
        /** The encoding of names since DOS, for Windows and older tools; Latin-1 in a Java without it. */
        public static final Charset DOS =
                Charset.isSupported("IBM437") ? Charset.forName("IBM437") : StandardCharsets.ISO_8859_1;

        /** What may stand between the entries of a file. */
        public enum Layout {
            /**
             * Nothing: entries lie side by side from the first byte to the directory, there is no comment, names are of
             * whole parts, and there are no folders.
             */
            SEALED,
            /** Anything that no entry claims; the directory and its end must be whole. */
            LOOSE,
            /** As {@link #LOOSE}; the end may also count entries modulo 65,536, as macOS writes it. */
            ANY
        }

        /** Copies the list. */
        public ZipRules {
            names = List.copyOf(names);
        }

        String setting(String name) {
            return settings.isEmpty() ? "" : " (" + settings + "." + name + ")";
        }
    }

    /**
     * One entry of a zip file, as its directory has it.
     *
     * @param name a plain relative path
     * @param deflated whether its bytes are packed
     * @param crc CRC-32 of its bytes, unsigned
     * @param packedSize bytes in the file
     * @param size bytes when unpacked
     * @param start where its local header begins
     * @param next where the next entry begins, or else the directory
     * @param flags the general purpose flags, which the local header must repeat
     * @param encoding of the name
     */
    public record ZipEntryInfo(
            String name,
            boolean deflated,
            long crc,
            long packedSize,
            long size,
            long start,
            long next,
            int flags,
            Charset encoding) {
        static final int DESCRIPTOR_FOLLOWS = 0x0008;
        static final int UTF8 = 0x0800;

        /** Returns the name as a message shows it. */
        public String shown() {
            return CheckpointFormatException.quote(name);
        }

        /** Tells whether it is a folder, which has no bytes. */
        public boolean isFolder() {
            return name.endsWith("/");
        }

        ZipEntryInfo until(long following) {
            return new ZipEntryInfo(name, deflated, crc, packedSize, size, start, following, flags, encoding);
        }

        boolean isNamed(byte[] bytes) {
            return Arrays.equals(bytes, name.getBytes(encoding));
        }

        boolean descriptorFollows() {
            return (flags & DESCRIPTOR_FOLLOWS) != 0;
        }

        /** Tells whether a name is a relative path that stays where it is, on any system. */
        public static boolean isPlain(String name) {
            boolean drive = name.length() > 1 && name.charAt(1) == ':';
            boolean leaves = name.contains("..") && List.of(name.split("/", -1)).contains("..");
            return !name.isEmpty()
                    && !name.startsWith("/")
                    && name.indexOf('\\') < 0
                    && !drive
                    && !leaves
                    && name.chars().noneMatch(Character::isISOControl);
        }

        /** Tells whether no part of a plain name is empty or a point. */
        static boolean isOfWholeParts(String name) {
            for (String part : name.split("/", -1)) {
                if (part.isEmpty() || part.equals(".")) {
                    return false;
                }
            }
            return true;
        }
    }

    /**
     * The header in front of an entry, and the descriptor behind it: both must say what the directory says.
     *
     * <p>Source: PKWARE APPNOTE 6.3.10, sections 4.3.7 and 4.3.9.
     */
    static final class ZipLocalHeader {
        static final int BYTES = 30;
        private static final int HEADER = 0x04034b50;
        private static final int DESCRIPTOR = 0x08074b50;
        private static final int DEFLATED = 8;

        private ZipLocalHeader() {}

        static long begin(FileBytes file, ZipEntryInfo entry, boolean sealed) throws IOException {
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
                throw file.problem("the entry " + entry.shown()
                        + " is not the same in the zip directory and at its place " + entry.start());
            }
            return begin;
        }

        static IOException runsOn(FileBytes file, ZipEntryInfo entry) {
            return file.problem("the entry " + entry.shown() + " of " + entry.packedSize()
                    + " bytes runs into the next, or into the directory, at " + entry.next());
        }

        private static boolean sizesFit(
                FileBytes file, ZipEntryInfo entry, ByteBuffer in, byte[] extra, long begin, boolean sealed)
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
        private static boolean descriptorFits(FileBytes file, ZipEntryInfo entry, long at, boolean sealed)
                throws IOException {
            long room = entry.next() - at;
            byte[] found = new byte[(int) Math.min(room, 24)];
            file.read(at, ByteBuffer.wrap(found));
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
}
