package io.github.maskalign.core.image;

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
}
