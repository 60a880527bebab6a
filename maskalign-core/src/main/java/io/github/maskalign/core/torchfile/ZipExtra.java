package io.github.maskalign.core.torchfile;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The 64-bit numbers among the extra fields of a zip entry. */
final class ZipExtra {
    private static final long ALL_ONES = 0xffffffffL;
    private static final int ZIP64 = 1;

    private ZipExtra() {}

    /** Replaces each value that is all ones by the next number of the 64-bit field, which holds these and no more. */
    static void widen(FileBytes file, String what, byte[] extra, long[] values) throws IOException {
        int needed = 0;
        for (long value : values) {
            needed += value == ALL_ONES ? 8 : 0;
        }
        if (needed == 0) {
            return;
        }
        ByteBuffer in = ByteBuffer.wrap(extra).order(ByteOrder.LITTLE_ENDIAN);
        while (in.remaining() >= 4) {
            int id = Short.toUnsignedInt(in.getShort());
            int length = Short.toUnsignedInt(in.getShort());
            if (length > in.remaining()) {
                break;
            }
            if (id == ZIP64) {
                if (length != needed) {
                    break;
                }
                for (int i = 0; i < values.length; i++) {
                    if (values[i] == ALL_ONES) {
                        values[i] = in.getLong();
                    }
                }
                return;
            }
            in.position(in.position() + length);
        }
        throw file.problem(what + " lacks the 64-bit numbers that it refers to");
    }
}
