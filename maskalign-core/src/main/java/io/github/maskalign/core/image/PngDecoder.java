package io.github.maskalign.core.image;

import java.nio.ByteBuffer;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * Turns the compressed pixels of a PNG file into a picture, row by row: inflate, undo the filter, spread to RGB.
 *
 * <p>Source: Portable Network Graphics Specification, sections 7 to 10 and 13.
 */
final class PngDecoder {
    /** First column, first row, step between columns and step between rows of each pass of Adam7. */
    private static final int[][] ADAM7 = {
        {0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}
    };

    private static final int[][] ONE_PASS = {{0, 0, 1, 1}};

    private final PngChunks png;
    private final PngHeader header;
    private final Inflater inflater = new Inflater();
    private int nextSpan;

    private PngDecoder(PngChunks png) {
        this.png = png;
        header = png.header();
    }

    static Picture decode(PngChunks png) throws PictureFormatException {
        PngDecoder decoder = new PngDecoder(png);
        try {
            return decoder.picture();
        } finally {
            decoder.inflater.end();
        }
    }

    private Picture picture() throws PictureFormatException {
        int width = header.width();
        int height = header.height();
        requirePlausible();
        byte[] pixels = new byte[width * height * Picture.CHANNELS];
        PngRow row = new PngRow(header, png.palette());
        for (int[] pass : header.interlaced() ? ADAM7 : ONE_PASS) {
            int columns = (width - pass[0] + pass[2] - 1) / pass[2];
            int rows = (height - pass[1] + pass[3] - 1) / pass[3];
            if (columns > 0 && rows > 0) {
                byte[] above = new byte[header.rowBytes(columns) + 1];
                byte[] here = new byte[above.length];
                for (int y = 0; y < rows; y++) {
                    inflate(here);
                    unfilter(here, above);
                    int first = (pass[1] + y * pass[3]) * width + pass[0];
                    row.spread(here, columns, pixels, first * Picture.CHANNELS, pass[2] * Picture.CHANNELS);
                    byte[] spare = above;
                    above = here;
                    here = spare;
                }
            }
        }
        return new Picture(width, height, pixels);
    }

    /** Deflate packs at most 1,032 bytes into one, so a short file cannot claim a large picture. */
    private void requirePlausible() throws PictureFormatException {
        long packed = 0;
        for (PngChunks.Span span : png.data()) {
            packed += span.length();
        }
        long unpacked = (long) header.height() * header.rowBytes(header.width());
        if (unpacked / 1_032 > packed) {
            throw truncated();
        }
    }

    private void inflate(byte[] row) throws PictureFormatException {
        int done = 0;
        try {
            while (done < row.length) {
                int count = inflater.inflate(row, done, row.length - done);
                done += count;
                if (count == 0) {
                    if (inflater.finished()
                            || inflater.needsDictionary()
                            || nextSpan == png.data().size()) {
                        throw truncated();
                    }
                    PngChunks.Span span = png.data().get(nextSpan++);
                    inflater.setInput(png.file(), span.from(), span.length());
                }
            }
        } catch (DataFormatException e) {
            throw new PictureFormatException(png.origin(), "the compressed pixels are damaged", e);
        }
    }

    private PictureFormatException truncated() {
        return new PictureFormatException(png.origin(), "the file is cut off: its pixels are not complete");
    }

    /** Both rows begin with a byte that names the filter; it is not part of the pixels. */
    private void unfilter(byte[] row, byte[] above) throws PictureFormatException {
        int left = header.pixelBytes();
        int end = row.length;
        switch (row[0]) {
            case 0 -> {}
            case 1 -> {
                for (int i = 1 + left; i < end; i++) {
                    row[i] += row[i - left];
                }
            }
            case 2 -> {
                for (int i = 1; i < end; i++) {
                    row[i] += above[i];
                }
            }
            case 3 -> {
                for (int i = 1; i < end; i++) {
                    int before = i > left ? row[i - left] & 0xff : 0;
                    row[i] += (byte) ((before + (above[i] & 0xff)) / 2);
                }
            }
            case 4 -> {
                for (int i = 1; i < Math.min(end, 1 + left); i++) {
                    row[i] += above[i];
                }
                for (int i = 1 + left; i < end; i++) {
                    row[i] += paeth(row[i - left] & 0xff, above[i] & 0xff, above[i - left] & 0xff);
                }
            }
            default ->
                throw new PictureFormatException(
                        png.origin(), "the filter of a row must be in [0, 4] but is " + (row[0] & 0xff));
        }
    }

    /** Whichever of left, above and above-left is nearest to left + above - aboveLeft, in this order when equal. */
    static byte paeth(int left, int above, int aboveLeft) {
        int toLeft = Math.abs(above - aboveLeft);
        int toAbove = Math.abs(left - aboveLeft);
        int toAboveLeft = Math.abs(left + above - 2 * aboveLeft);
        if (toLeft <= toAbove && toLeft <= toAboveLeft) {
            return (byte) left;
        }
        return (byte) (toAbove <= toAboveLeft ? above : aboveLeft);
    }

    /**
     * Spreads the samples of one PNG row to RGB, by the rules of Pillow's {@code convert("RGB")}.
     *
     * @param palette (colours, 3); empty unless the samples are indices
     */
    record PngRow(PngHeader header, byte[] palette) {
        /**
         * Writes {@code count} pixels.
         *
         * @param row a filter byte, then the samples
         * @param at where the first pixel goes
         * @param step from one pixel to the next
         */
        void spread(byte[] row, int count, byte[] out, int at, int step) {
            switch (header.colour()) {
                case PngHeader.PALETTE -> indices(row, count, out, at, step);
                case PngHeader.GREY -> {
                    if (header.bits() == 16) {
                        wideGrey(row, count, out, at, step);
                    } else {
                        narrowGrey(row, count, out, at, step);
                    }
                }
                default -> bytes(row, count, out, at, step);
            }
        }

        /** Samples of 8 or 16 bits; of the latter the upper byte counts. */
        private void bytes(byte[] row, int count, byte[] out, int at, int step) {
            int sample = header.bits() / 8;
            int pixel = header.pixelBytes();
            boolean grey = header.colour() == PngHeader.GREY_ALPHA;
            int green = grey ? 0 : sample;
            int blue = grey ? 0 : 2 * sample;
            for (int i = 0, from = 1, to = at; i < count; i++, from += pixel, to += step) {
                out[to] = row[from];
                out[to + 1] = row[from + green];
                out[to + 2] = row[from + blue];
            }
        }

        /** Pillow keeps 16-bit grey as it is and cuts it off at 255 when it becomes RGB. */
        private static void wideGrey(byte[] row, int count, byte[] out, int at, int step) {
            for (int i = 0, to = at; i < count; i++, to += step) {
                put(out, to, row[1 + 2 * i] == 0 ? row[2 + 2 * i] : (byte) 255);
            }
        }

        /** Samples of 1, 2, 4 or 8 bits, spread over [0, 255]. */
        private void narrowGrey(byte[] row, int count, byte[] out, int at, int step) {
            int bits = header.bits();
            int scale = 255 / ((1 << bits) - 1);
            for (int i = 0, to = at; i < count; i++, to += step) {
                put(out, to, (byte) (sample(row, i, bits) * scale));
            }
        }

        private void indices(byte[] row, int count, byte[] out, int at, int step) {
            int bits = header.bits();
            for (int i = 0, to = at; i < count; i++, to += step) {
                int from = sample(row, i, bits) * 3;
                if (from < palette.length) {
                    out[to] = palette[from];
                    out[to + 1] = palette[from + 1];
                    out[to + 2] = palette[from + 2];
                } else {
                    put(out, to, (byte) 0); // an index that the palette lacks is black
                }
            }
        }

        private static int sample(byte[] row, int i, int bits) {
            int bit = i * bits;
            return row[1 + bit / 8] >> (8 - bits - bit % 8) & ((1 << bits) - 1);
        }

        private static void put(byte[] out, int to, byte value) {
            out[to] = value;
            out[to + 1] = value;
            out[to + 2] = value;
        }
    }

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
}
