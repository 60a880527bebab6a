package io.github.maskalign.core.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * How a camera was held, by tag 0x0112 of the EXIF data; what {@link #upright} does to the stored picture.
 *
 * <p>Source: CIPA DC-008 (Exif 2.32), section 4.6.5.1.
 */
enum Orientation {
    /** 1, and whatever else is no orientation. */
    AS_STORED,
    /** 2. */
    MIRROR,
    /** 3. */
    HALF_TURN,
    /** 4. */
    FLIP,
    /** 5. */
    TRANSPOSE,
    /** 6: a quarter turn clockwise. */
    TURN_RIGHT,
    /** 7. */
    TRANSVERSE,
    /** 8: a quarter turn counter-clockwise. */
    TURN_LEFT;

    private static final int TAG = 0x0112;
    private static final int SHORT = 3;
    private static final int ENTRY_BYTES = 12;

    /** Finds the tag in a TIFF structure; anything damaged counts as no orientation. */
    static Orientation ofExif(ByteBuffer exif) {
        ByteBuffer tiff = exif.slice();
        if (tiff.remaining() < 14) {
            return AS_STORED;
        }
        int order = tiff.getShort(0);
        if (order == 0x4949) {
            tiff.order(ByteOrder.LITTLE_ENDIAN);
        } else if (order != 0x4d4d) {
            return AS_STORED;
        }
        long directory = Integer.toUnsignedLong(tiff.getInt(4));
        if (tiff.getShort(2) != 42 || directory > tiff.limit() - 2) {
            return AS_STORED;
        }
        int entries = Short.toUnsignedInt(tiff.getShort((int) directory));
        int at = (int) directory + 2;
        for (int i = 0; i < entries && at <= tiff.limit() - ENTRY_BYTES; i++, at += ENTRY_BYTES) {
            if (Short.toUnsignedInt(tiff.getShort(at)) == TAG) {
                boolean one = tiff.getShort(at + 2) == SHORT && tiff.getInt(at + 4) == 1;
                int value = Short.toUnsignedInt(tiff.getShort(at + 8));
                return one && value >= 1 && value <= values().length ? values()[value - 1] : AS_STORED;
            }
        }
        return AS_STORED;
    }

    /** Returns the picture as it was seen. */
    Picture upright(Picture stored) {
        if (this == AS_STORED) {
            return stored;
        }
        boolean swapped = compareTo(TRANSPOSE) >= 0;
        int width = swapped ? stored.height() : stored.width();
        int height = swapped ? stored.width() : stored.height();
        byte[] in = stored.pixels();
        byte[] out = new byte[in.length];
        int to = 0;
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++, to += Picture.CHANNELS) {
                int from = source(x, y, width, height, stored.width()) * Picture.CHANNELS;
                out[to] = in[from];
                out[to + 1] = in[from + 1];
                out[to + 2] = in[from + 2];
            }
        }
        return new Picture(width, height, out);
    }

    /** Returns which stored pixel is seen at (x, y) of an upright picture. */
    private int source(int x, int y, int width, int height, int storedWidth) {
        int fromRight = width - 1 - x;
        int fromBelow = height - 1 - y;
        return switch (this) {
            case AS_STORED -> y * storedWidth + x;
            case MIRROR -> y * storedWidth + fromRight;
            case HALF_TURN -> fromBelow * storedWidth + fromRight;
            case FLIP -> fromBelow * storedWidth + x;
            case TRANSPOSE -> x * storedWidth + y;
            case TURN_RIGHT -> fromRight * storedWidth + y;
            case TRANSVERSE -> fromRight * storedWidth + fromBelow;
            case TURN_LEFT -> x * storedWidth + fromBelow;
        };
    }
}
