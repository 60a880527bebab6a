package io.github.maskalign.core.image;

import java.nio.ByteBuffer;

/**
 * What the IHDR chunk of a PNG file says.
 *
 * @param bits bits of a sample: 1, 2, 4, 8 or 16
 * @param colour GREY, RGB, PALETTE, GREY_ALPHA or RGB_ALPHA
 * @param interlaced whether the pixels come in the seven passes of Adam7
 */
record PngHeader(int width, int height, int bits, int colour, boolean interlaced) {
    static final int GREY = 0;
    static final int RGB = 2;
    static final int PALETTE = 3;
    static final int GREY_ALPHA = 4;
    static final int RGB_ALPHA = 6;

    private static final int BYTES = 13;

    static PngHeader parse(ByteBuffer in, String origin) throws PictureFormatException {
        if (in.remaining() != BYTES) {
            throw new PictureFormatException(origin, "the IHDR chunk must have 13 bytes but has " + in.remaining());
        }
        long width = Integer.toUnsignedLong(in.getInt());
        long height = Integer.toUnsignedLong(in.getInt());
        PictureReader.checkSize(origin, width, height);
        int bits = in.get() & 0xff;
        int colour = in.get() & 0xff;
        boolean known = switch (colour) {
            case GREY -> bits == 1 || bits == 2 || bits == 4 || bits == 8 || bits == 16;
            case PALETTE -> bits == 1 || bits == 2 || bits == 4 || bits == 8;
            case RGB, GREY_ALPHA, RGB_ALPHA -> bits == 8 || bits == 16;
            default -> false;
        };
        if (!known) {
            throw new PictureFormatException(
                    origin, "no PNG file has the colour type " + colour + " with " + bits + " bits");
        }
        int compression = in.get() & 0xff;
        int filter = in.get() & 0xff;
        int interlace = in.get() & 0xff;
        if (compression != 0 || filter != 0 || interlace > 1) {
            throw new PictureFormatException(
                    origin,
                    "compression, filter and interlace methods of a PNG file must be 0, 0 and 0 or 1 but are "
                            + compression + ", " + filter + " and " + interlace);
        }
        return new PngHeader((int) width, (int) height, bits, colour, interlace == 1);
    }

    boolean isPalette() {
        return colour == PALETTE;
    }

    /** Returns the number of samples of a pixel. */
    int samples() {
        return switch (colour) {
            case RGB -> 3;
            case GREY_ALPHA -> 2;
            case RGB_ALPHA -> 4;
            default -> 1;
        };
    }

    /** Returns the number of bytes from a byte to the one left of it that filters compare it with. */
    int pixelBytes() {
        return Math.max(1, samples() * bits / 8);
    }

    /** Returns the number of bytes of a row of {@code pixels}, without its filter byte. */
    int rowBytes(int pixels) {
        return (int) (((long) pixels * samples() * bits + 7) / 8);
    }
}
