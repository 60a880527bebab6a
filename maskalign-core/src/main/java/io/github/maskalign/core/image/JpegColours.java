package io.github.maskalign.core.image;

/**
 * What the components of a JPEG file mean, and how they become RGB.
 *
 * <p>YCbCr: {@code R = Y + 1.402 (Cr - 128)}, {@code G = Y - 0.34414 (Cb - 128) - 0.71414 (Cr - 128)},
 * {@code B = Y + 1.772 (Cb - 128)} in 16-bit fixed point, rounded and clipped as libjpeg does. CMYK is stored
 * inverted: {@code R = C K / 255}, rounded, and so on.
 *
 * <p>Source: JFIF 1.02 and libjpeg, jdcolor.c and jdapimin.c; Pillow, src/libImaging/Convert.c.
 */
enum JpegColours {
    /** One component. */
    GREY,
    /** Three components that are the colours. */
    RGB,
    /** Luminance and two differences. */
    YCBCR,
    /** Inverted cyan, magenta, yellow and black. */
    CMYK,
    /** Cyan, magenta and yellow as luminance and differences; black. */
    YCCK;

    /** No Adobe segment was there. */
    static final int NO_ADOBE = -1;

    private static final int CENTRE = 128;
    private static final int BITS = 16;
    private static final int HALF = 1 << (BITS - 1);
    private static final int[] RED_OF_CR = new int[256];
    private static final int[] BLUE_OF_CB = new int[256];
    private static final int[] GREEN_OF_CR = new int[256];
    private static final int[] GREEN_OF_CB = new int[256];

    static {
        for (int i = 0; i < 256; i++) {
            int x = i - CENTRE;
            RED_OF_CR[i] = (fixed(1.402) * x + HALF) >> BITS;
            BLUE_OF_CB[i] = (fixed(1.772) * x + HALF) >> BITS;
            GREEN_OF_CR[i] = -fixed(0.71414) * x;
            GREEN_OF_CB[i] = -fixed(0.34414) * x + HALF;
        }
    }

    /** Decides as libjpeg does: JFIF files are YCbCr, then Adobe's word counts, then the components' names. */
    static JpegColours of(JpegFrame frame, boolean jfif, int adobeTransform) {
        int[] ids = frame.components();
        return switch (ids.length) {
            case 1 -> GREY;
            case 3 -> {
                if (jfif) {
                    yield YCBCR;
                }
                if (adobeTransform != NO_ADOBE) {
                    yield adobeTransform == 0 ? RGB : YCBCR;
                }
                yield ids[0] == 'R' && ids[1] == 'G' && ids[2] == 'B' ? RGB : YCBCR;
            }
            default -> adobeTransform == NO_ADOBE || adobeTransform == 0 ? CMYK : YCCK;
        };
    }

    /** Returns the number of components. */
    int components() {
        return switch (this) {
            case GREY -> 1;
            case RGB, YCBCR -> 3;
            case CMYK, YCCK -> 4;
        };
    }

    /** Turns interleaved components into interleaved RGB; the input may be overwritten. */
    byte[] toRgb(byte[] in, int pixels) {
        switch (this) {
            case RGB -> {
                return in;
            }
            case YCBCR -> {
                fromDifferences(in, pixels, 3);
                return in;
            }
            case GREY -> {
                byte[] out = new byte[pixels * Picture.CHANNELS];
                for (int i = 0, to = 0; i < pixels; i++, to += Picture.CHANNELS) {
                    out[to] = in[i];
                    out[to + 1] = in[i];
                    out[to + 2] = in[i];
                }
                return out;
            }
            case CMYK -> {
                return fromInk(in, pixels, 0);
            }
            default -> {
                fromDifferences(in, pixels, 4);
                return fromInk(in, pixels, 0xff); // the differences stand for RGB, the opposite of the ink
            }
        }
    }

    private static void fromDifferences(byte[] in, int pixels, int step) {
        for (int at = 0, end = pixels * step; at < end; at += step) {
            int luminance = in[at] & 0xff;
            int cb = in[at + 1] & 0xff;
            int cr = in[at + 2] & 0xff;
            in[at] = clipped(luminance + RED_OF_CR[cr]);
            in[at + 1] = clipped(luminance + ((GREEN_OF_CB[cb] + GREEN_OF_CR[cr]) >> BITS));
            in[at + 2] = clipped(luminance + BLUE_OF_CB[cb]);
        }
    }

    private static byte[] fromInk(byte[] in, int pixels, int inverted) {
        byte[] out = new byte[pixels * Picture.CHANNELS];
        for (int i = 0, from = 0, to = 0; i < pixels; i++, from += 4, to += Picture.CHANNELS) {
            int light = in[from + 3] & 0xff; // black, inverted: how much light is left
            for (int c = 0; c < Picture.CHANNELS; c++) {
                int ink = 255 - ((in[from + c] & 0xff) ^ inverted);
                int product = ink * light + CENTRE;
                out[to + c] = clipped(light - ((product >> 8) + product >> 8));
            }
        }
        return out;
    }

    private static byte clipped(int value) {
        return (byte) (value < 0 ? 0 : Math.min(value, 255));
    }

    private static int fixed(double x) {
        return (int) (x * (1 << BITS) + 0.5);
    }
}
