package io.github.maskalign.core.image;

import io.github.maskalign.core.image.JpegSegments.Orientation;
import io.github.maskalign.core.image.PngDecoder.PngHeader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32;

/**
 * The parts of a PNG file that matter for its pixels, checked but not unpacked.
 *
 * <p>Of chunks that a decoder may ignore, all but the orientation are: profiles and texts are never inflated. The
 * checksums of all others must be right.
 *
 * @param palette (colours, 3); empty unless the picture has one
 * @param data positions of the compressed pixels in {@code file}, in order
 */
record PngChunks(
        String origin, byte[] file, PngHeader header, byte[] palette, List<Span> data, Orientation orientation) {
    private static final int SIGNATURE_BYTES = 8;
    private static final int AROUND = 12; // length, name and checksum of a chunk

    /** Bytes [from, from + length) of the file. */
    record Span(int from, int length) {}

    static PngChunks parse(byte[] file, String origin) throws PictureFormatException {
        return new Reader(file, origin).read();
    }

    private static final class Reader {
        private final ByteBuffer in;
        private final byte[] file;
        private final String origin;
        private final List<Span> data = new ArrayList<>();
        private byte[] palette = new byte[0];
        private Orientation orientation = Orientation.AS_STORED;

        Reader(byte[] file, String origin) {
            this.file = file;
            this.origin = origin;
            in = ByteBuffer.wrap(file);
        }

        PngChunks read() throws PictureFormatException {
            in.position(SIGNATURE_BYTES);
            if (in.remaining() < AROUND || !name(in.position()).equals("IHDR")) {
                throw problem("a PNG file must begin with an IHDR chunk");
            }
            Span first = next();
            PngHeader header = PngHeader.parse(ByteBuffer.wrap(file, first.from(), first.length()), origin);
            boolean ended = false;
            while (!ended && in.remaining() >= AROUND - 4) { // the last chunk may lack its checksum and more
                String name = name(in.position());
                switch (name) {
                    case "IDAT" -> addData();
                    case "PLTE" -> palette(next());
                    case "eXIf" -> {
                        Span exif = next();
                        orientation = Orientation.ofExif(ByteBuffer.wrap(file, exif.from(), exif.length()));
                    }
                    case "IEND" -> ended = true;
                    default -> {
                        if ((file[in.position() + 4] & 0x20) == 0) {
                            throw problem("the chunk " + printable(name) + " is not known but must be understood");
                        }
                        if (data.isEmpty()) {
                            next();
                        } else {
                            ended = skip();
                        }
                    }
                }
            }
            if (data.isEmpty()) {
                throw problem("the file ends before its pixels begin");
            }
            if (header.isPalette() && palette.length == 0) {
                throw problem("the picture has palette indices but no palette");
            }
            return new PngChunks(origin, file, header, palette, List.copyOf(data), orientation);
        }

        /** Pixels may be complete although the file is cut off behind them, so a last part is taken as it is. */
        private void addData() throws PictureFormatException {
            long length = Integer.toUnsignedLong(in.getInt(in.position()));
            int from = in.position() + 8;
            if (length > file.length - from - 4) {
                int rest = (int) Math.min(length, file.length - from);
                data.add(new Span(from, rest));
                in.position(file.length);
            } else {
                data.add(next());
            }
        }

        private void palette(Span span) throws PictureFormatException {
            if (span.length() == 0 || span.length() % 3 != 0 || span.length() > 3 * 256) {
                throw problem("a palette must have 1 to 256 colours of 3 bytes but has " + span.length() + " bytes");
            }
            palette = new byte[span.length()];
            System.arraycopy(file, span.from(), palette, 0, palette.length);
        }

        /** Skips a chunk behind the pixels, or ends the file there. */
        private boolean skip() {
            long length = Integer.toUnsignedLong(in.getInt(in.position()));
            if (length > in.remaining() - AROUND) {
                return true;
            }
            in.position(in.position() + (int) length + AROUND);
            return false;
        }

        private Span next() throws PictureFormatException {
            String name = name(in.position());
            long length = Integer.toUnsignedLong(in.getInt());
            if (length > in.remaining() - 8) {
                throw problem("the file is cut off: the chunk " + printable(name) + " has " + length
                        + " bytes but the file ends before");
            }
            int at = in.position();
            Span span = new Span(at + 4, (int) length);
            in.position(at + 4 + (int) length);
            int stored = in.getInt();
            CRC32 crc = new CRC32();
            crc.update(file, at, (int) length + 4);
            if ((int) crc.getValue() != stored && (file[at] & 0x20) == 0) {
                throw problem("the checksum of the chunk " + printable(name) + " is wrong");
            }
            return span;
        }

        private String name(int chunk) {
            return new String(file, chunk + 4, 4, StandardCharsets.ISO_8859_1);
        }

        private static String printable(String name) {
            return name.chars().allMatch(c -> c > ' ' && c < 0x7f) ? name : "with a name that is no text";
        }

        private PictureFormatException problem(String reason) {
            return new PictureFormatException(origin, reason);
        }
    }
}
