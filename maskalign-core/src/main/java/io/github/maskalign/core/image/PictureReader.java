package io.github.maskalign.core.image;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * Reads PNG and JPEG files as 8-bit RGB, equal to Pillow's {@code Image.open(file).convert("RGB")}, byte for byte.
 *
 * <p>The first bytes say what a file is, not its name. Grey becomes three equal channels, palettes and CMYK become
 * RGB, alpha is dropped, 16-bit colours keep their upper byte (16-bit grey is cut off at 255, as Pillow does), colour
 * profiles are ignored. A file that is cut off is refused, as Pillow does; a PNG file cut off behind its last pixel is
 * read all the same.
 *
 * <p>Sizes are checked before anything is decoded: a picture has at most {@value #MAX_PIXELS} pixels and sides of at
 * most {@value #MAX_SIDE}, of which the longer is at most {@value #MAX_RATIO} times the shorter once it is above
 * {@value #FREE_SIDE}; a file has at most 512 MiB. A JPEG file comes in at most 100 scans, which pass at most
 * 12 times {@value #MAX_PIXELS} pixels in all (libjpeg writes about 10), and holds at least a bit for each block of
 * 8 × 8 pixels. What is within these limits is read in seconds, what is not is refused at once. Profiles, texts and other metadata are skipped without being unpacked. Any {@link IOException} other than
 * {@link PictureFormatException} comes from the disk.
 */
public final class PictureReader {
    /** The largest number of pixels of a picture: 64 times 2^20. */
    public static final int MAX_PIXELS = 64 << 20;

    /** The longest side, in pixels: the longest that a JPEG file can have. */
    public static final int MAX_SIDE = 65_535;

    /** How many times longer than the shorter side the longer one may be where it is above {@link #FREE_SIDE}. */
    public static final int MAX_RATIO = 256;

    /** The side up to which any ratio will do, in pixels. */
    public static final int FREE_SIDE = 1024;

    static final int MAX_FILE_BYTES = 512 << 20;

    private PictureReader() {}

    /**
     * Reads a file as its pixels are stored: an orientation tag is ignored, as Pillow's {@code Image.open} does.
     *
     * @throws PictureFormatException if the file is not a picture that can be read
     */
    public static Picture read(Path file) throws IOException {
        return read(bytes(file), file.toString());
    }

    /**
     * Reads a file that is in memory.
     *
     * @param origin what to call the file in messages
     * @throws PictureFormatException if it is not a picture that can be read
     */
    public static Picture read(byte[] file, String origin) throws PictureFormatException {
        return switch (PictureType.of(file, origin)) {
            case PNG -> PngDecoder.decode(PngChunks.parse(file, origin));
            case JPEG -> JpegDecoder.decode(JpegSegments.parse(file, origin));
        };
    }

    /**
     * Reads a file and turns the picture upright if its EXIF data says how, as Pillow's {@code exif_transpose} does.
     *
     * @throws PictureFormatException if the file is not a picture that can be read
     */
    public static Picture readUpright(Path file) throws IOException {
        return readUpright(bytes(file), file.toString());
    }

    /** Reads a file that is in memory, see {@link #readUpright(Path)}. */
    public static Picture readUpright(byte[] file, String origin) throws PictureFormatException {
        return switch (PictureType.of(file, origin)) {
            case PNG -> {
                PngChunks png = PngChunks.parse(file, origin);
                yield png.orientation().upright(PngDecoder.decode(png));
            }
            case JPEG -> {
                JpegSegments jpeg = JpegSegments.parse(file, origin);
                yield jpeg.orientation().upright(JpegDecoder.decode(jpeg));
            }
        };
    }

    /** Refuses what is too large to be decoded; all parts of the reader come here before they allocate. */
    static void checkSize(String origin, long width, long height) throws PictureFormatException {
        if (width < 1 || height < 1) {
            throw new PictureFormatException(
                    origin, "a picture must have at least 1 x 1 pixels but has " + width + " x " + height);
        }
        if (width > MAX_PIXELS || height > MAX_PIXELS || width * height > MAX_PIXELS) {
            throw new PictureFormatException(
                    origin, "a picture must have at most " + MAX_PIXELS + " pixels but has " + width + " x " + height);
        }
        long longer = Math.max(width, height);
        if (longer > MAX_SIDE || longer > FREE_SIDE && longer > MAX_RATIO * Math.min(width, height)) {
            throw new PictureFormatException(
                    origin,
                    "a picture must have sides of at most " + MAX_SIDE + " pixels, the longer at most " + MAX_RATIO
                            + " times the shorter if it is above " + FREE_SIDE + ", but has " + width + " x "
                            + height);
        }
    }

    private static byte[] bytes(Path file) throws IOException {
        if (Files.isDirectory(file)) { // which can be opened, and fails to be read without its name
            throw new PictureFormatException(file.toString(), "is a folder");
        }
        try (InputStream in = Files.newInputStream(file)) {
            byte[] bytes = in.readNBytes(MAX_FILE_BYTES + 1);
            if (bytes.length > MAX_FILE_BYTES) {
                throw new PictureFormatException(
                        file.toString(), "a picture file must have at most " + MAX_FILE_BYTES + " bytes");
            }
            return bytes;
        }
    }

    /** What a file is by its first bytes. */
    enum PictureType {
        PNG(0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'),
        JPEG(0xff, 0xd8, 0xff);

        private static final int SHOWN_BYTES = 8;

        private final byte[] signature;

        PictureType(int... signature) {
            this.signature = new byte[signature.length];
            for (int i = 0; i < signature.length; i++) {
                this.signature[i] = (byte) signature[i];
            }
        }

        static PictureType of(byte[] file, String origin) throws PictureFormatException {
            for (PictureType type : values()) {
                int length = type.signature.length;
                if (file.length >= length && Arrays.equals(file, 0, length, type.signature, 0, length)) {
                    return type;
                }
            }
            byte[] start = Arrays.copyOf(file, Math.min(file.length, SHOWN_BYTES));
            throw new PictureFormatException(
                    origin,
                    start.length == 0
                            ? "the file is empty"
                            : "a picture must be a PNG or JPEG file but this one starts with the bytes "
                                    + HexFormat.ofDelimiter(" ").formatHex(start));
        }
    }
}
