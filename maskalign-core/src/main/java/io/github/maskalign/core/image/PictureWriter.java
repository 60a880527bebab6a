package io.github.maskalign.core.image;

import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.image.PngDecoder.PngHeader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.zip.CRC32;
import java.util.zip.Deflater;

/**
 * Writes pictures as 8-bit RGB PNG files.
 *
 * <p>A file appears complete or not at all, see {@link AtomicFile}. The same picture gives the same bytes with the same
 * version of zlib.
 */
public final class PictureWriter {
    private PictureWriter() {}

    /** How the pixels of a PNG file are packed. */
    public enum Packing {
        /** Not at all: three bytes a pixel, quick to write and to read; REPA's prepared pictures are like this. */
        STORED,
        /** The filter that looks best for each row, and zlib's usual effort. */
        DEFLATED
    }

    /**
     * Replaces or creates a PNG file; its folder must exist.
     *
     * @throws IOException if it cannot be written; what was there before is unchanged
     */
    public static void write(Path file, Picture picture, Packing packing) throws IOException {
        AtomicFile.write(file, png(picture, packing));
    }

    /** Returns the bytes of a PNG file. */
    public static byte[] png(Picture picture, Packing packing) {
        return PngEncoder.encode(picture, packing);
    }

    /**
     * Returns the bytes of a JPEG file, by the JDK's encoder: smaller than a PNG file and not quite the same pixels.
     *
     * @param quality in [0, 1]
     * @throws IllegalArgumentException for another quality
     */
    public static byte[] jpeg(Picture picture, float quality) {
        return JpegEncoder.encode(picture, quality);
    }

    /**
     * Makes PNG files of 8-bit RGB.
     *
     * <p>Source: Portable Network Graphics Specification; the filter of a row is the one with the least sum of absolute
     * differences, as its section 12.8 recommends.
     */
    static final class PngEncoder {
        private static final byte[] SIGNATURE = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
        private static final int FILTERS = 5;
        private static final int STEP = Picture.CHANNELS;
        private static final int PART_BYTES = 1 << 16;

        private final Picture picture;
        private final ByteArrayOutputStream out;
        private final int rowBytes;

        private PngEncoder(Picture picture) {
            this.picture = picture;
            rowBytes = picture.width() * STEP;
            out = new ByteArrayOutputStream(Math.max(1 << 10, rowBytes));
        }

        static byte[] encode(Picture picture, PictureWriter.Packing packing) {
            PngEncoder encoder = new PngEncoder(picture);
            encoder.out.writeBytes(SIGNATURE);
            byte[] header = ByteBuffer.allocate(13)
                    .putInt(picture.width())
                    .putInt(picture.height())
                    .put((byte) 8)
                    .put((byte) PngHeader.RGB)
                    .array();
            encoder.chunk("IHDR", header, header.length);
            boolean stored = packing == PictureWriter.Packing.STORED;
            Deflater deflater = new Deflater(stored ? Deflater.NO_COMPRESSION : Deflater.DEFAULT_COMPRESSION);
            try {
                encoder.data(deflater, stored);
            } finally {
                deflater.end();
            }
            encoder.chunk("IEND", header, 0);
            return encoder.out.toByteArray();
        }

        private void data(Deflater deflater, boolean stored) {
            byte[] above = new byte[rowBytes];
            byte[] row = new byte[rowBytes];
            byte[][] tries = new byte[stored ? 1 : FILTERS][rowBytes + 1];
            byte[] part = new byte[PART_BYTES];
            for (int y = 0; y < picture.height(); y++) {
                byte[] spare = above;
                above = row;
                row = spare;
                System.arraycopy(picture.pixels(), y * rowBytes, row, 0, rowBytes);
                if (stored) {
                    System.arraycopy(row, 0, tries[0], 1, rowBytes);
                    deflater.setInput(tries[0]);
                } else {
                    deflater.setInput(smallest(row, y == 0 ? new byte[rowBytes] : above, tries));
                }
                drain(deflater, part);
            }
            deflater.finish();
            drain(deflater, part);
        }

        private void drain(Deflater deflater, byte[] part) {
            for (int count = deflater.deflate(part); count > 0; count = deflater.deflate(part)) {
                chunk("IDAT", part, count);
            }
        }

        /** Returns the filtered row, filter byte first, that is probably packed best. */
        private static byte[] smallest(byte[] row, byte[] above, byte[][] tries) {
            int best = 0;
            long least = Long.MAX_VALUE;
            for (int filter = 0; filter < FILTERS; filter++) {
                byte[] tried = tries[filter];
                tried[0] = (byte) filter;
                long sum = 0;
                for (int i = 0; i < row.length; i++) {
                    int left = i >= STEP ? row[i - STEP] & 0xff : 0;
                    int aboveLeft = i >= STEP ? above[i - STEP] & 0xff : 0;
                    int up = above[i] & 0xff;
                    int guess = switch (filter) {
                        case 0 -> 0;
                        case 1 -> left;
                        case 2 -> up;
                        case 3 -> (left + up) / 2;
                        default -> PngDecoder.paeth(left, up, aboveLeft);
                    };
                    tried[i + 1] = (byte) (row[i] - guess);
                    sum += Math.abs(tried[i + 1]);
                }
                if (sum < least) {
                    least = sum;
                    best = filter;
                }
            }
            return tries[best];
        }

        private void chunk(String name, byte[] data, int length) {
            byte[] id = name.getBytes(StandardCharsets.US_ASCII);
            CRC32 crc = new CRC32();
            crc.update(id);
            crc.update(data, 0, length);
            number(length);
            out.writeBytes(id);
            out.write(data, 0, length);
            number((int) crc.getValue());
        }

        private void number(int value) {
            out.writeBytes(ByteBuffer.allocate(4).putInt(value).array());
        }
    }
}
