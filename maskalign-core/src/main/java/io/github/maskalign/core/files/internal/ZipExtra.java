package io.github.maskalign.core.files.internal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The 64-bit numbers among the extra fields of an entry. */
final class ZipExtra {
    static final long ALL_ONES = 0xffff_ffffL;
    private static final int ZIP64 = 1;

    private ZipExtra() {}

    /**
     * Replaces each value that is all ones by the next number of the 64-bit field.
     *
     * @param exact whether that field may hold nothing else
     */
    static void widen(ZipBytes file, String entry, byte[] extra, boolean exact, long... values) throws IOException {
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
