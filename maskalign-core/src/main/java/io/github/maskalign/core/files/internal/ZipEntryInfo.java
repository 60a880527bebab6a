package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.CheckpointFormatException;
import java.nio.charset.Charset;
import java.util.Arrays;
import java.util.List;

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
