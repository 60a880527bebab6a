package io.github.maskalign.core.image;

import java.util.Arrays;
import java.util.HexFormat;

/** What a file is by its first bytes. */
enum PictureType {
    PNG(0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'),
    JPEG(0xff, 0xd8, 0xff);

    private static final int SHOWN_BYTES = 8;

    private final byte[] signature;

    PictureType(int... signature) {
        this.signature = new byte[signature.length];
        for (int i = 0; i < signature.length; i++) {
            this.signature[i] = (byte) signature[i];
        }
    }

    static PictureType of(byte[] file, String origin) throws PictureFormatException {
        for (PictureType type : values()) {
            int length = type.signature.length;
            if (file.length >= length && Arrays.equals(file, 0, length, type.signature, 0, length)) {
                return type;
            }
        }
        byte[] start = Arrays.copyOf(file, Math.min(file.length, SHOWN_BYTES));
        throw new PictureFormatException(
                origin,
                start.length == 0
                        ? "the file is empty"
                        : "a picture must be a PNG or JPEG file but this one starts with the bytes "
                                + HexFormat.ofDelimiter(" ").formatHex(start));
    }
}
