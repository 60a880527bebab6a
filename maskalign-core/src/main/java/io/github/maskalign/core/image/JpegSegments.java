package io.github.maskalign.core.image;

import io.github.maskalign.core.image.JpegDecoder.JpegColours;
import io.github.maskalign.core.image.JpegDecoder.JpegFrame;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A JPEG file without its metadata: what a decoder needs, and how its components make colours.
 *
 * <p>Profiles, EXIF data, thumbnails and comments are cut out before any decoder sees the file, so that none of them
 * can change a colour or be unpacked. Bytes after the end marker are dropped.
 *
 * @param stripped the file with the segments that define pixels alone
 */
record JpegSegments(String origin, byte[] stripped, JpegFrame frame, JpegColours colours, Orientation orientation) {
    /** A picture sent in more parts than this takes its reader's time, not its viewer's. */
    static final int MAX_SCANS = 100;

    /** Pixels that all scans pass together, in multiples of the largest picture. */
    static final int MAX_PASSES = 12;

    /** Each block of 8 × 8 pixels takes a bit at least. */
    private static final int PIXELS_OF_A_BYTE = 8 * 64;

    private static final int SOI = 0xd8;
    private static final int EOI = 0xd9;
    private static final int SOS = 0xda;
    private static final int APP0 = 0xe0;
    private static final int APP1 = 0xe1;
    private static final int APP14 = 0xee;

    static JpegSegments parse(byte[] file, String origin) throws PictureFormatException {
        return new Reader(file, origin).read();
    }

    private static final class Reader {
        private static final byte[] JFIF = "JFIF\0".getBytes(StandardCharsets.US_ASCII);
        private static final byte[] ADOBE = "Adobe".getBytes(StandardCharsets.US_ASCII);
        private static final byte[] EXIF = "Exif\0\0".getBytes(StandardCharsets.US_ASCII);

        private final byte[] file;
        private final String origin;
        private final ByteArrayOutputStream kept;
        private int at = 2;
        private int scans;
        private boolean jfif;
        private int adobeTransform = JpegColours.NO_ADOBE;
        private Orientation orientation = Orientation.AS_STORED;

        Reader(byte[] file, String origin) {
            this.file = file;
            this.origin = origin;
            kept = new ByteArrayOutputStream(file.length);
        }

        JpegSegments read() throws PictureFormatException {
            kept.write(0xff);
            kept.write(SOI);
            JpegFrame frame = null;
            int marker = nextMarker();
            for (; marker >= 0 && marker != EOI; marker = nextMarker()) {
                if (marker == SOI) {
                    throw problem("a second picture begins inside of the first");
                }
                if (isAlone(marker)) {
                    continue;
                }
                int from = at - 2;
                int length = file.length - at < 2 ? 0 : (file[at] & 0xff) << 8 | (file[at + 1] & 0xff);
                if (length < 2 || length > file.length - at) {
                    throw problem("the file is cut off: the segment " + name(marker) + " does not end in it");
                }
                ByteBuffer body = ByteBuffer.wrap(file, at + 2, length - 2).slice();
                at += length;
                if (JpegFrame.isFrame(marker)) {
                    if (frame != null) {
                        throw problem("the file has more than one frame header");
                    }
                    frame = JpegFrame.parse(marker, body, origin);
                }
                if (marker >= APP0 && marker <= 0xef || marker == 0xfe) {
                    application(marker, body);
                } else {
                    if (marker == SOS) {
                        if (frame == null) {
                            throw problem("pixels begin before the frame header says how many there are");
                        }
                        if (++scans > MAX_SCANS) {
                            throw problem("a picture must come in at most " + MAX_SCANS + " scans");
                        }
                        if ((long) scans * frame.width() * frame.height()
                                > (long) MAX_PASSES * PictureReader.MAX_PIXELS) {
                            throw problem("the scans of a picture must pass at most " + MAX_PASSES + " times "
                                    + PictureReader.MAX_PIXELS + " pixels but " + scans + " scans pass "
                                    + frame.width() + " x " + frame.height() + " each");
                        }
                        skipPixels();
                    }
                    kept.write(file, from, at - from);
                }
            }
            if (marker != EOI) {
                throw problem("the file is cut off: it has no end marker");
            }
            if (frame == null || scans == 0) {
                throw problem("the file ends before its pixels begin");
            }
            if (kept.size() < (long) frame.width() * frame.height() / PIXELS_OF_A_BYTE) {
                throw problem("the file is cut off: " + kept.size() + " bytes cannot hold " + frame.width() + " x "
                        + frame.height() + " pixels");
            }
            kept.write(0xff);
            kept.write(EOI);
            return new JpegSegments(
                    origin, kept.toByteArray(), frame, JpegColours.of(frame, jfif, adobeTransform), orientation);
        }

        /** Returns the next marker, or -1 at the end of the file. Fill bytes are skipped. */
        private int nextMarker() throws PictureFormatException {
            while (at < file.length) {
                if (file[at] != (byte) 0xff) {
                    if (scans == 0) {
                        throw problem("there is no marker at byte " + at + " where one must be");
                    }
                    at++; // as decoders do: what follows a scan may be damaged
                    continue;
                }
                at++;
                if (at < file.length && file[at] != (byte) 0xff && (file[at] != 0 || scans == 0)) {
                    return file[at++] & 0xff;
                }
            }
            return -1;
        }

        private void skipPixels() {
            while (at < file.length - 1) {
                if (file[at] == (byte) 0xff) {
                    int next = file[at + 1] & 0xff;
                    if (next != 0 && next != 0xff && !(next >= 0xd0 && next <= 0xd7)) {
                        return;
                    }
                }
                at++;
            }
            at = file.length;
        }

        private void application(int marker, ByteBuffer body) {
            if (marker == APP0 && body.remaining() >= 14 && startsWith(body, JFIF)) {
                jfif = true;
            } else if (marker == APP14 && body.remaining() >= 12 && startsWith(body, ADOBE)) {
                adobeTransform = body.get(11) & 0xff;
            } else if (marker == APP1 && startsWith(body, EXIF)) {
                orientation = Orientation.ofExif(body.position(EXIF.length).slice());
            }
        }

        private static boolean startsWith(ByteBuffer body, byte[] start) {
            if (body.remaining() < start.length) {
                return false;
            }
            byte[] found = new byte[start.length];
            body.get(0, found);
            return Arrays.equals(found, start);
        }

        private static boolean isAlone(int marker) {
            return marker == 0x01 || marker >= 0xd0 && marker <= 0xd7;
        }

        private static String name(int marker) {
            return String.format(java.util.Locale.ROOT, "FF%02X", marker);
        }

        private PictureFormatException problem(String reason) {
            return new PictureFormatException(origin, reason);
        }
    }

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
}
