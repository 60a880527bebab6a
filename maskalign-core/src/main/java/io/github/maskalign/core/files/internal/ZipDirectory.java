package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.ZipArchive.ZipEntryInfo;
import io.github.maskalign.core.files.internal.ZipArchive.ZipRules;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Reads the directory through a window, so that it needs no more memory than its entries are worth.
 *
 * <p>Source: PKWARE APPNOTE 6.3.10, sections 4.3.12 and 4.4.
 */
final class ZipDirectory {
    private static final int HEADER = 0x02014b50;
    private static final int HEADER_BYTES = 46;
    private static final int WINDOW_BYTES = 1 << 18;
    private static final int STORED = 0;
    private static final int DEFLATED = 8;
    private static final int DEFLATE_EFFORT = 0x0006;
    /** The kind of a file in the upper bits of its attributes, as Unix has it. */
    private static final int LINK = 0xa;

    private static final int COUNTS = 1 << 16;

    private final FileBytes file;
    private final ZipRules rules;
    private final ZipEnd end;
    private final ByteBuffer window;
    private long loaded;

    private ZipDirectory(FileBytes file, ZipRules rules, ZipEnd end) {
        this.file = file;
        this.rules = rules;
        this.end = end;
        window = ByteBuffer.allocate((int) Math.min(WINDOW_BYTES, end.size()))
                .order(ByteOrder.LITTLE_ENDIAN)
                .limit(0);
    }

    /** Returns the entries in the order of the directory. */
    static List<ZipEntryInfo> read(FileBytes file, ZipRules rules, ZipEnd end) throws IOException {
        if (end.count() < 0 || end.count() > rules.maxEntries()) {
            throw file.problem("it must have at most " + rules.maxEntries() + " entries" + rules.setting("maxEntries")
                    + " but has " + Long.toUnsignedString(end.count()));
        }
        if (end.size() < end.count() * HEADER_BYTES) {
            throw file.problem("its directory has " + end.size() + " bytes, which cannot be right for " + end.count()
                    + " entries");
        }
        return new ZipDirectory(file, rules, end).entries();
    }

    private List<ZipEntryInfo> entries() throws IOException {
        List<ZipEntryInfo> entries = new ArrayList<>();
        Set<String> names = new HashSet<>();
        long total = 0;
        while (window.hasRemaining() || loaded < end.size()) {
            if (entries.size() == rules.maxEntries()) {
                throw file.problem(
                        "it must have at most " + rules.maxEntries() + " entries" + rules.setting("maxEntries"));
            }
            ZipEntryInfo entry = next();
            requireSensible(entry);
            if (!names.add(entry.name())) {
                throw file.problem("it has two entries of the name " + entry.shown());
            }
            if (entry.deflated()) {
                total += entry.size();
                if (total < 0 || total > rules.maxPackedTotal()) {
                    throw file.problem("its packed entries must have at most " + rules.maxPackedTotal()
                            + " bytes in all" + rules.setting("maxPackedTotal"));
                }
            }
            entries.add(entry);
        }
        boolean wraps = rules.layout() == ZipRules.Layout.ANY && !end.wide();
        if (wraps ? entries.size() % COUNTS != end.count() : entries.size() != end.count()) {
            throw file.problem(
                    "its directory must have " + end.count() + " entries, as its end says, but has " + entries.size());
        }
        return entries;
    }

    private ZipEntryInfo next() throws IOException {
        require(HEADER_BYTES);
        int at = window.position();
        if (window.getInt(at) != HEADER) {
            throw damaged();
        }
        int flags = Short.toUnsignedInt(window.getShort(at + 8));
        int method = Short.toUnsignedInt(window.getShort(at + 10));
        long crc = Integer.toUnsignedLong(window.getInt(at + 16));
        long[] numbers = {
            Integer.toUnsignedLong(window.getInt(at + 24)),
            Integer.toUnsignedLong(window.getInt(at + 20)),
            Integer.toUnsignedLong(window.getInt(at + 42))
        };
        byte[] nameBytes = new byte[Short.toUnsignedInt(window.getShort(at + 28))];
        byte[] extra = new byte[Short.toUnsignedInt(window.getShort(at + 30))];
        int comment = Short.toUnsignedInt(window.getShort(at + 32));
        boolean link = window.getInt(at + 38) >>> 28 == LINK;
        boolean elsewhere = window.getShort(at + 34) != 0;
        window.position(at + HEADER_BYTES);
        require(nameBytes.length + extra.length + comment);
        window.get(nameBytes).get(extra).position(window.position() + comment);

        Charset encoding = encoding(nameBytes, (flags & ZipEntryInfo.UTF8) != 0);
        String name = name(nameBytes, encoding);
        String shown = CheckpointFormatException.quote(name);
        if ((flags & ~(ZipEntryInfo.DESCRIPTOR_FOLLOWS | ZipEntryInfo.UTF8 | DEFLATE_EFFORT)) != 0) {
            throw file.problem("the entry " + shown + " is encrypted or of a kind that is not supported");
        }
        if (method != STORED && method != DEFLATED) {
            throw file.problem("the entry " + shown + " must be stored or deflated but has method " + method);
        }
        if (link) {
            throw file.problem("the entry " + shown + " must be a plain file but is a symbolic link");
        }
        if (elsewhere) {
            throw file.problem("the entry " + shown + " must be in this file but is said to be in another part");
        }
        ZipExtra.widen(file, shown, extra, rules.layout() == ZipRules.Layout.SEALED, numbers);
        return new ZipEntryInfo(name, method == DEFLATED, crc, numbers[1], numbers[0], numbers[2], 0, flags, encoding);
    }

    private void requireSensible(ZipEntryInfo entry) throws IOException {
        if (!entry.deflated() && entry.size() != entry.packedSize()) {
            throw file.problem("the entry " + entry.shown() + " is not packed but has two sizes, " + entry.size()
                    + " and " + entry.packedSize());
        }
        if (entry.deflated()
                && entry.size() > rules.freeBytes()
                && entry.size() > rules.maxRatio() * entry.packedSize()) {
            throw file.problem("the entry " + entry.shown() + " must unpack to at most " + rules.maxRatio()
                    + " times its " + entry.packedSize() + " bytes" + rules.setting("maxRatio") + " but claims "
                    + entry.size());
        }
    }

    /** Entries are never unpacked to files; names that would leave a folder are a sign of bad intent all the same. */
    private String name(byte[] bytes, Charset encoding) throws IOException {
        String name = new String(bytes, encoding);
        boolean sealed = rules.layout() == ZipRules.Layout.SEALED;
        if (bytes.length > rules.maxNameBytes()
                || !ZipEntryInfo.isPlain(name)
                || sealed && !ZipEntryInfo.isOfWholeParts(name)) {
            throw file.problem("the name of a zip entry must be a plain relative path of at most "
                    + rules.maxNameBytes() + " bytes but is " + CheckpointFormatException.quote(name));
        }
        return name;
    }

    private Charset encoding(byte[] bytes, boolean utf8) throws IOException {
        List<Charset> allowed = utf8 ? List.of(StandardCharsets.UTF_8) : rules.names();
        for (Charset charset : allowed) {
            try {
                charset.newDecoder().decode(ByteBuffer.wrap(bytes));
                return charset;
            } catch (CharacterCodingException e) {
                continue; // with the next one
            }
        }
        throw file.problem("the name of a zip entry must be " + allowed.get(0) + " text");
    }

    /** Makes the next bytes of the directory lie in the window. */
    private void require(int count) throws IOException {
        if (window.remaining() >= count) {
            return;
        }
        if (count > window.remaining() + (end.size() - loaded)) {
            throw damaged();
        }
        window.compact();
        window.limit((int) Math.min(window.capacity(), window.position() + (end.size() - loaded)));
        int room = window.remaining();
        file.read(end.begin() + loaded, window);
        loaded += room;
        window.flip();
    }

    private IOException damaged() {
        return file.problem("its directory is damaged at byte " + (end.begin() + loaded - window.remaining()));
    }

    /** The 64-bit numbers among the extra fields of an entry. */
    static final class ZipExtra {
        static final long ALL_ONES = 0xffff_ffffL;
        private static final int ZIP64 = 1;

        private ZipExtra() {}

        /**
         * Replaces each value that is all ones by the next number of the 64-bit field.
         *
         * @param exact whether that field may hold nothing else
         */
        static void widen(FileBytes file, String entry, byte[] extra, boolean exact, long... values)
                throws IOException {
            int needed = 0;
            for (long value : values) {
                needed += value == ALL_ONES ? 8 : 0;
            }
            ByteBuffer in = ByteBuffer.wrap(extra).order(ByteOrder.LITTLE_ENDIAN);
            boolean found = needed == 0;
            while (!found && in.remaining() >= 4) {
                int id = Short.toUnsignedInt(in.getShort());
                int length = Short.toUnsignedInt(in.getShort());
                if (length > in.remaining()) {
                    throw file.problem("the extra field of the entry " + entry + " is damaged");
                }
                found = id == ZIP64 && (exact ? length == needed : length >= needed);
                if (!found) {
                    in.position(in.position() + length);
                }
            }
            if (!found) {
                throw file.problem("the entry " + entry + " lacks the 64-bit numbers that it refers to");
            }
            for (int i = 0; i < values.length; i++) {
                if (values[i] == ALL_ONES) {
                    values[i] = in.getLong();
                }
                if (values[i] < 0) {
                    throw file.problem("the entry " + entry + " must not have a negative size or place");
                }
            }
        }
    }

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

        static ZipEnd find(FileBytes file, boolean comment) throws IOException {
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

        private static ZipEnd parse(FileBytes file, ByteBuffer in, long position) throws IOException {
            int count = Short.toUnsignedInt(in.getShort(10));
            long size = Integer.toUnsignedLong(in.getInt(12));
            long begin = Integer.toUnsignedLong(in.getInt(16));
            requireOnePart(file, in.getShort(4) == 0 && in.getShort(6) == 0 && in.getShort(8) == in.getShort(10));
            if (position < LOCATOR_BYTES
                    || file.read(position - LOCATOR_BYTES, 4).getInt() != LOCATOR) {
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

        private ZipEnd checked(FileBytes file, long end) throws IOException {
            if (begin < 0 || size < 0 || begin != end - size) {
                throw file.problem("its directory of " + size + " bytes at " + begin
                        + " does not lie right before its end, which is at " + end);
            }
            return this;
        }

        private static void requireOnePart(FileBytes file, boolean one) throws IOException {
            if (!one) {
                throw file.problem("it must be in one part but its end record speaks of several");
            }
        }
    }
}
