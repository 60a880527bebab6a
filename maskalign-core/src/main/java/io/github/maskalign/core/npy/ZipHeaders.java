package io.github.maskalign.core.npy;

import io.github.maskalign.core.io.CheckpointFormatException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Parses what a zip file says about one entry, in its directory and again before the entry.
 *
 * @param origin the file, for messages
 */
record ZipHeaders(String origin) {
    static final int CENTRAL_BYTES = 46;
    static final int LOCAL_BYTES = 30;

    private static final int CENTRAL = 0x02014b50;
    private static final int LOCAL = 0x04034b50;
    private static final int ZIP64 = 1;
    private static final int STORED = 0;
    private static final int DEFLATED = 8;
    private static final int DESCRIPTOR_FOLLOWS = 0x0008;
    private static final int UTF8 = 0x0800;
    private static final int DEFLATE_EFFORT = 0x0006;
    private static final int UNIX = 3;
    private static final int LINK = 0xa000;
    private static final int KIND = 0xf000;
    private static final int MAX_NAME_BYTES = 512;
    private static final long ALL_ONES = 0xffff_ffffL;

    /** An entry of the directory; where its data begins is not known yet. */
    record Central(ZipEntryInfo entry, int flags, int method, byte[] name) {}

    /** Returns how many bytes follow the fixed part of a local header. */
    static int variableBytes(ByteBuffer local) {
        return Short.toUnsignedInt(local.getShort(26)) + Short.toUnsignedInt(local.getShort(28));
    }

    /** Parses the directory's next entry. */
    Central central(ByteBuffer in) throws CheckpointFormatException {
        if (in.remaining() < CENTRAL_BYTES || in.getInt(in.position()) != CENTRAL) {
            throw problem("its directory is damaged");
        }
        ByteBuffer fixed = slice(in, CENTRAL_BYTES);
        int nameBytes = Short.toUnsignedInt(fixed.getShort(28));
        int extraBytes = Short.toUnsignedInt(fixed.getShort(30));
        int commentBytes = Short.toUnsignedInt(fixed.getShort(32));
        if (nameBytes + extraBytes + commentBytes > in.remaining()) {
            throw problem("its directory is damaged");
        }
        byte[] rawName = new byte[nameBytes];
        in.get(rawName);
        ByteBuffer extra = slice(in, extraBytes);
        in.position(in.position() + commentBytes);
        int flags = Short.toUnsignedInt(fixed.getShort(8));
        int method = Short.toUnsignedInt(fixed.getShort(10));
        String name = name(rawName, (flags & UTF8) != 0);
        if ((flags & ~(DESCRIPTOR_FOLLOWS | UTF8 | DEFLATE_EFFORT)) != 0) {
            throw problem("the entry " + shown(name) + " is encrypted or of a kind that is not supported");
        }
        if (method != STORED && method != DEFLATED) {
            throw problem("the entry " + shown(name) + " must be stored or deflated but has method " + method);
        }
        int system = fixed.get(5);
        if (system == UNIX && (fixed.getInt(38) >>> 16 & KIND) == LINK) {
            throw problem("the entry " + shown(name) + " is a symbolic link");
        }
        Wide wide = new Wide(extra, name);
        long size = wide.number(fixed.getInt(24));
        long packedSize = wide.number(fixed.getInt(20));
        long start = wide.number(fixed.getInt(42));
        if (fixed.getShort(34) != 0 || size < 0 || packedSize < 0 || start < 0) {
            throw problem("the entry " + shown(name) + " has sizes or a place that cannot be");
        }
        long crc = Integer.toUnsignedLong(fixed.getInt(16));
        ZipEntryInfo entry = new ZipEntryInfo(name, method == DEFLATED, crc, packedSize, size, start, 0);
        return new Central(entry, flags, method, rawName);
    }

    /** Compares the header before an entry with the directory; sizes may stand behind the entry instead. */
    void requireAgreement(Central central, ByteBuffer in) throws CheckpointFormatException {
        ZipEntryInfo entry = central.entry();
        if (in.getInt(0) != LOCAL) {
            throw problem("the entry " + shown(entry.name()) + " has no header where the directory says");
        }
        byte[] name = new byte[Short.toUnsignedInt(in.getShort(26))];
        in.get(LOCAL_BYTES, name);
        ByteBuffer extra = in.position(LOCAL_BYTES + name.length).slice().order(ByteOrder.LITTLE_ENDIAN);
        Wide wide = new Wide(extra, entry.name());
        long size = wide.number(in.getInt(22));
        long packedSize = wide.number(in.getInt(18));
        long crc = Integer.toUnsignedLong(in.getInt(14));
        boolean sameSizes = size == entry.size() && packedSize == entry.packedSize() && crc == entry.crc();
        boolean sizesFollow = (central.flags() & DESCRIPTOR_FOLLOWS) != 0 && size == 0 && packedSize == 0 && crc == 0;
        if (Short.toUnsignedInt(in.getShort(6)) != central.flags()
                || Short.toUnsignedInt(in.getShort(8)) != central.method()
                || !java.util.Arrays.equals(name, central.name())
                || !sameSizes && !sizesFollow) {
            throw problem("the header of the entry " + shown(entry.name()) + " does not agree with the directory");
        }
    }

    /** Entries are never unpacked to files; names that would leave a folder are a sign of bad intent all the same. */
    private String name(byte[] bytes, boolean utf8) throws CheckpointFormatException {
        String name;
        try {
            name = (utf8 ? StandardCharsets.UTF_8 : StandardCharsets.US_ASCII)
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
        } catch (CharacterCodingException e) {
            throw problem("the name of an entry is neither ASCII nor said to be UTF-8");
        }
        if (!isPlain(name) || bytes.length > MAX_NAME_BYTES) {
            throw problem("the name of an entry must be a plain relative path of at most " + MAX_NAME_BYTES
                    + " bytes but is " + shown(name));
        }
        return name;
    }

    /** Tells whether a name is a relative path that stays where it is, on any system. */
    static boolean isPlain(String name) {
        boolean drive = name.length() > 1 && name.charAt(1) == ':';
        boolean leaves = name.contains("..") && List.of(name.split("/", -1)).contains("..");
        return !name.isEmpty()
                && !name.startsWith("/")
                && name.indexOf('\\') < 0
                && !drive
                && !leaves
                && name.chars().noneMatch(Character::isISOControl);
    }

    /** Returns a name as it may stand in a message. */
    static String shown(String name) {
        StringBuilder out = new StringBuilder("\"");
        name.chars().limit(80).forEach(c -> out.append(Character.isISOControl(c) ? '?' : (char) c));
        return out + (name.length() > 80 ? "…\"" : "\"");
    }

    private static ByteBuffer slice(ByteBuffer in, int count) {
        ByteBuffer part = in.slice(in.position(), count).order(ByteOrder.LITTLE_ENDIAN);
        in.position(in.position() + count);
        return part;
    }

    private CheckpointFormatException problem(String text) {
        return new CheckpointFormatException(origin, List.of(text));
    }

    /** The 64-bit numbers of an extra field, each asked for where the 32-bit one is all ones. */
    private final class Wide {
        private final ByteBuffer numbers;
        private final String name;

        Wide(ByteBuffer extra, String name) throws CheckpointFormatException {
            this.name = name;
            ByteBuffer found = ByteBuffer.allocate(0);
            while (extra.remaining() >= 4) {
                int id = Short.toUnsignedInt(extra.getShort());
                int length = Short.toUnsignedInt(extra.getShort());
                if (length > extra.remaining()) {
                    throw problem("the extra field of the entry " + shown(name) + " is damaged");
                }
                ByteBuffer value = slice(extra, length);
                if (id == ZIP64) {
                    found = value;
                }
            }
            numbers = found;
        }

        long number(int narrow) throws CheckpointFormatException {
            if (Integer.toUnsignedLong(narrow) != ALL_ONES) {
                return Integer.toUnsignedLong(narrow);
            }
            if (numbers.remaining() < 8) {
                throw problem("the entry " + shown(name) + " lacks its Zip64 sizes");
            }
            return numbers.getLong();
        }
    }
}
