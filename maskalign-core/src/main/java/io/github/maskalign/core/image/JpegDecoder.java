package io.github.maskalign.core.image;

import java.awt.image.DataBufferByte;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Iterator;
import java.util.Locale;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.MemoryCacheImageInputStream;

/**
 * Decodes JPEG files with the JDK's reader, which is libjpeg, and makes the colours itself.
 *
 * <p>The components are read as they are: asked for a picture, the JDK would apply profiles and guess at colours.
 */
final class JpegDecoder {
    private JpegDecoder() {}

    static Picture decode(JpegSegments jpeg) throws PictureFormatException {
        JpegFrame frame = jpeg.frame();
        byte[] components = components(jpeg);
        return new Picture(
                frame.width(), frame.height(), jpeg.colours().toRgb(components, frame.width() * frame.height()));
    }

    private static byte[] components(JpegSegments jpeg) throws PictureFormatException {
        ImageReader reader = reader();
        try (MemoryCacheImageInputStream in =
                new MemoryCacheImageInputStream(new ByteArrayInputStream(jpeg.stripped()))) {
            reader.setInput(in, true, true);
            Raster raster = reader.readRaster(0, null);
            return bytes(jpeg, raster);
        } catch (PictureFormatException e) {
            throw e;
        } catch (IOException | RuntimeException e) { // the JDK's reader throws many things at bad files
            throw new PictureFormatException(jpeg.origin(), "the JPEG data is damaged (" + e.getMessage() + ")", e);
        } finally {
            reader.dispose();
        }
    }

    private static byte[] bytes(JpegSegments jpeg, Raster raster) throws PictureFormatException {
        JpegFrame frame = jpeg.frame();
        long expected = (long) frame.width() * frame.height() * jpeg.colours().components();
        if (raster.getDataBuffer() instanceof DataBufferByte buffer
                && buffer.getNumBanks() == 1
                && buffer.getData().length == expected) {
            return buffer.getData();
        }
        throw new PictureFormatException(jpeg.origin(), "the JPEG data is damaged: its frame header misleads");
    }

    /** The JDK's own reader, whatever else is on the class path. */
    private static ImageReader reader() {
        for (Iterator<ImageReader> readers = ImageIO.getImageReadersByFormatName("jpeg"); readers.hasNext(); ) {
            ImageReader reader = readers.next();
            if (reader.canReadRaster()
                    && "java.desktop".equals(reader.getClass().getModule().getName())) {
                return reader;
            }
            reader.dispose();
        }
        throw new IllegalStateException("This Java runtime cannot read JPEG files: its module java.desktop lacks them");
    }

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
                            "sampling factors must be in [1, 4] but are " + (sampling >> 4) + " and "
                                    + (sampling & 15));
                }
            }
            return new JpegFrame(width, height, components);
        }

        private static boolean isSampling(int factor) {
            return factor >= 1 && factor <= MAX_SAMPLING;
        }
    }

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
}
