package io.github.maskalign.core.image;

import java.nio.ByteBuffer;
import java.util.Locale;

/**
 * The frame header of a JPEG file.
 *
 * @param components identifiers of its 1, 3 or 4 components
 */
record JpegFrame(int width, int height, int[] components) {
    private static final int BASELINE = 0xc0;
    private static final int EXTENDED = 0xc1;
    private static final int PROGRESSIVE = 0xc2;
    private static final int BITS = 8;
    private static final int MAX_SAMPLING = 4;

    /** Tells whether a marker begins a frame header of any kind, also of those that cannot be read. */
    static boolean isFrame(int marker) {
        return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
    }

    static JpegFrame parse(int marker, ByteBuffer in, String origin) throws PictureFormatException {
        if (marker != BASELINE && marker != EXTENDED && marker != PROGRESSIVE) {
            throw new PictureFormatException(
                    origin,
                    String.format(
                            Locale.ROOT,
                            "a JPEG file must be baseline or progressive with Huffman coding but is of kind FF%02X",
                            marker));
        }
        if (in.remaining() < 6) {
            throw new PictureFormatException(origin, "the frame header is too short");
        }
        int bits = in.get() & 0xff;
        int height = Short.toUnsignedInt(in.getShort());
        int width = Short.toUnsignedInt(in.getShort());
        int count = in.get() & 0xff;
        if (bits != BITS) {
            throw new PictureFormatException(origin, "a JPEG file must have 8 bits a sample but has " + bits);
        }
        PictureReader.checkSize(origin, width, height);
        if (count != 1 && count != 3 && count != 4 || in.remaining() != 3 * count) {
            throw new PictureFormatException(
                    origin, "a JPEG file must have 1, 3 or 4 components, each described, but has " + count);
        }
        int[] components = new int[count];
        for (int i = 0; i < count; i++) {
            components[i] = in.get() & 0xff;
            int sampling = in.get() & 0xff;
            in.get();
            if (!isSampling(sampling >> 4) || !isSampling(sampling & 15)) {
                throw new PictureFormatException(
                        origin,
                        "sampling factors must be in [1, 4] but are " + (sampling >> 4) + " and " + (sampling & 15));
            }
        }
        return new JpegFrame(width, height, components);
    }

    private static boolean isSampling(int factor) {
        return factor >= 1 && factor <= MAX_SAMPLING;
    }
}
