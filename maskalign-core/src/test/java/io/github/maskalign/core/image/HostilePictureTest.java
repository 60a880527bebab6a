package io.github.maskalign.core.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files made to hurt: each is refused with one sentence, or read without harm, and takes little memory. */
class HostilePictureTest {
    private static final com.sun.management.ThreadMXBean THREADS =
            (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();

    @TempDir
    Path folder;

    @Test
    void whatIsNoPictureIsNamed() throws Exception {
        Path text = Files.writeString(folder.resolve("x.png"), "<svg/>");

        assertThatThrownBy(() -> PictureReader.read(text))
                .isInstanceOf(PictureFormatException.class)
                .hasMessage(text + ": a picture must be a PNG or JPEG file but this one starts with the bytes "
                        + "3c 73 76 67 2f 3e");
        assertRefused(new byte[0], "the file is empty");
        assertRefused("GIF89a".getBytes(StandardCharsets.US_ASCII), "must be a PNG or JPEG file");
        assertRefused(new byte[] {(byte) 0xff, (byte) 0xd8}, "must be a PNG or JPEG file");
    }

    @Test
    void hugePngDimensionsAreRefusedBeforeAnythingIsAllocated() {
        assertRefused(png(header(Integer.MAX_VALUE, Integer.MAX_VALUE, 8, 2)), "at most 67108864 pixels");
        assertRefused(png(header(-1, -1, 8, 2)), "has 4294967295 x 4294967295");
        assertRefused(png(header(0, 5, 8, 2)), "has 0 x 5");
        // within the limit, but more than the data can unpack to
        assertRefused(png(header(8192, 8192, 8, 6), chunk("IDAT", deflated(new byte[99]))), "cut off");
    }

    @Test
    void hugeJpegDimensionsAreRefusedBeforeAnythingIsAllocated() {
        byte[] jpeg = PictureCases.file("420.jpg");
        int frame = indexOf(jpeg, 0xc0);

        assertRefused(sized(jpeg, frame, 65535, 65535), "at most 67108864 pixels but has 65535 x 65535");
        assertRefused(sized(jpeg, frame, 0, 61), "has 61 x 0");
    }

    @Test
    void packedProfilesAndTextsOfPngFilesAreNeverUnpacked() throws Exception {
        byte[] bomb = deflated(new byte[64 << 20]);
        byte[] pixels = deflated(new byte[] {0, 1, 2, 3});
        byte[] file = png(
                header(1, 1, 8, 2),
                chunk("iCCP", joined("p\0\0".getBytes(StandardCharsets.US_ASCII), bomb)),
                chunk("zTXt", joined("t\0\0".getBytes(StandardCharsets.US_ASCII), bomb)),
                chunk("iTXt", joined("t\0\1\0\0\0".getBytes(StandardCharsets.US_ASCII), bomb)),
                chunk("IDAT", pixels),
                chunk("zTXt", joined("t\0\0".getBytes(StandardCharsets.US_ASCII), bomb)),
                chunk("IEND"));
        long before = THREADS.getCurrentThreadAllocatedBytes();

        Picture picture = PictureReader.read(file, "bomb");

        assertThat(picture.rgb(0, 0)).isEqualTo(0x010203);
        assertThat(THREADS.getCurrentThreadAllocatedBytes() - before).isLessThan(1 << 20);
    }

    @Test
    void morePixelDataThanPixelsIsNotUnpacked() throws Exception {
        byte[] file = png(header(1, 1, 8, 2), chunk("IDAT", deflated(new byte[64 << 20])), chunk("IEND"));
        long before = THREADS.getCurrentThreadAllocatedBytes();

        assertThat(PictureReader.read(file, "bomb").rgb(0, 0)).isZero();

        assertThat(THREADS.getCurrentThreadAllocatedBytes() - before).isLessThan(1 << 20);
    }

    @Test
    void brokenPngPartsAreNamed() {
        byte[] pixels = chunk("IDAT", deflated(new byte[] {0, 1, 2, 3}));
        byte[] badFilter = chunk("IDAT", deflated(new byte[] {5, 1, 2, 3}));
        byte[] noZlib = chunk("IDAT", new byte[] {1, 2, 3, 4});
        byte[] flipped = pixels.clone();
        flipped[pixels.length - 1] ^= 1;
        byte[] negative = ByteBuffer.allocate(12)
                .putInt(-5)
                .put("tEXt".getBytes(StandardCharsets.US_ASCII))
                .array();
        byte[] small = header(1, 1, 8, 2);

        assertRefused(png(small, badFilter, chunk("IEND")), "the filter of a row must be in [0, 4] but is 5");
        assertRefused(png(small, noZlib, chunk("IEND")), "the compressed pixels are damaged");
        assertRefused(png(small, flipped, chunk("IEND")), "the checksum of the chunk IDAT is wrong");
        assertRefused(png(small, negative, pixels), "the chunk tEXt has 4294967291 bytes but the file ends before");
        assertRefused(png(small, chunk("ABCD"), pixels), "the chunk ABCD is not known but must be understood");
        assertRefused(png(small, chunk("IEND")), "the file ends before its pixels begin");
        assertRefused(png(pixels, small), "a PNG file must begin with an IHDR chunk");
        assertRefused(png(small), "the file ends before its pixels begin");
        assertRefused(png(header(1, 1, 8, 3), pixels), "no palette");
        assertRefused(png(header(1, 1, 8, 3), chunk("PLTE", new byte[4]), pixels), "1 to 256 colours");
        assertRefused(png(header(1, 1, 8, 3), chunk("PLTE", new byte[999]), pixels), "1 to 256 colours");
        assertRefused(png(header(1, 1, 5, 2), pixels), "colour type 2 with 5 bits");
        assertRefused(png(header(1, 1, 4, 6), pixels), "colour type 6 with 4 bits");
        assertRefused(png(chunk("IHDR", new byte[12]), pixels), "must have 13 bytes but has 12");
    }

    @Test
    void brokenJpegPartsAreNamed() {
        byte[] jpeg = PictureCases.file("420.jpg");
        int frame = indexOf(jpeg, 0xc0);
        byte[] arithmetic = jpeg.clone();
        arithmetic[frame + 1] = (byte) 0xc9;
        byte[] twelveBits = jpeg.clone();
        twelveBits[frame + 4] = 12;
        byte[] manyComponents = jpeg.clone();
        manyComponents[frame + 9] = 2;
        byte[] sampling = jpeg.clone();
        sampling[frame + 11] = 0x51;
        byte[] twoFrames = joined(
                Arrays.copyOf(jpeg, frame), joined(Arrays.copyOfRange(jpeg, frame, frame + 19), from(jpeg, frame)));
        byte[] nested = joined(Arrays.copyOf(jpeg, frame), from(jpeg, 0));

        assertRefused(arithmetic, "must be baseline or progressive with Huffman coding but is of kind FFC9");
        assertRefused(twelveBits, "must have 8 bits a sample but has 12");
        assertRefused(manyComponents, "must have 1, 3 or 4 components");
        assertRefused(sampling, "sampling factors must be in [1, 4] but are 5 and 1");
        assertRefused(twoFrames, "more than one frame header");
        assertRefused(nested, "a second picture begins inside of the first");
        assertRefused(Arrays.copyOf(jpeg, jpeg.length - 2), "cut off: it has no end marker");
        assertRefused(new byte[] {-1, -40, -1, -38, 0, 2, -1, -39}, "pixels begin before the frame header");
        assertRefused(new byte[] {-1, -40, -1, -39}, "ends before its pixels begin");
        assertRefused(new byte[] {-1, -40, -1, -32, 0, 1}, "the segment FFE0 does not end in it");
        assertRefused(new byte[] {-1, -40, -1, -32, 0, 2, 7}, "there is no marker at byte 6");
    }

    @Test
    void jpegFilesOfManyScansAreRefused() {
        byte[] jpeg = PictureCases.file("progressive.jpg");
        int scan = indexOf(jpeg, 0xda);
        ByteArrayOutputStream many = new ByteArrayOutputStream();
        many.write(jpeg, 0, scan);
        for (int i = 0; i <= JpegSegments.MAX_SCANS; i++) {
            many.write(jpeg, scan, 14);
        }
        many.writeBytes(from(jpeg, scan));

        assertRefused(many.toByteArray(), "must come in at most 100 scans");
    }

    @Test
    void scansOfALargePictureAreFewer() throws Exception {
        byte[] jpeg = withSize(PictureCases.file("progressive.jpg"), 0xc2, 8192, 8192);
        int scan = indexOf(jpeg, 0xda);
        ByteArrayOutputStream many = new ByteArrayOutputStream();
        many.write(jpeg, 0, scan);
        for (int i = 0; i < 3; i++) { // besides its own ten
            many.write(jpeg, scan, 14);
            many.writeBytes(new byte[1 << 18]);
        }
        many.writeBytes(from(jpeg, scan));
        byte[] file = many.toByteArray();

        assertRefused(
                file,
                "the scans of a picture must pass at most 12 times 67108864 pixels"
                        + " but 13 scans pass 8192 x 8192 each");
        assertThat(JpegSegments.parse(withSize(file, 0xc2, 8192, 4096), "file")
                        .frame()
                        .height())
                .isEqualTo(8192);
    }

    @Test
    void fewBytesCannotClaimALargeJpegPicture() {
        byte[] jpeg = PictureCases.file("progressive.jpg");

        assertRefused(withSize(jpeg, 0xc2, 8192, 8192), "bytes cannot hold 8192 x 8192 pixels");
    }

    @Test
    void picturesAreNoThreads() throws Exception {
        byte[] pixels = chunk("IDAT", deflated(new byte[1 << 17]));

        // 1 x 67,108,864 pixels took ten seconds, of a file of 130 KB
        assertRefused(png(header(1, 64 << 20, 8, 0), pixels), "sides of at most 65535 pixels");
        assertRefused(
                png(header(1, 1025, 8, 0), pixels), "the longer at most 256 times the shorter if it is above 1024");
        assertRefused(png(header(65_535, 255, 8, 0), pixels), "but has 65535 x 255");
        for (int[] sides : new int[][] {{1, 1024}, {1024, 1}, {40, 2000}, {2000, 40}, {5, 1280}}) {
            Picture picture = PictureReader.read(png(header(sides[0], sides[1], 8, 0), pixels), "file");
            assertThat(picture.width()).isEqualTo(sides[0]);
            assertThat(picture.height()).isEqualTo(sides[1]);
        }
    }

    @Test
    void aProfileOfAnySizeIsCutOut() throws Exception {
        byte[] jpeg = PictureCases.file("420.jpg");
        byte[] segment = new byte[65535 + 2];
        segment[0] = -1;
        segment[1] = (byte) 0xe2;
        segment[2] = -1;
        segment[3] = -1;
        ByteArrayOutputStream large = new ByteArrayOutputStream();
        large.write(jpeg, 0, 2);
        for (int i = 0; i < 40; i++) { // 2.6 MB
            large.writeBytes(segment);
        }
        large.writeBytes(from(jpeg, 2));

        assertThat(PictureReader.read(large.toByteArray(), "large")).isEqualTo(PictureReader.read(jpeg, "small"));
    }

    private static void assertRefused(byte[] file, String reason) {
        long before = THREADS.getCurrentThreadAllocatedBytes();
        assertThatThrownBy(() -> PictureReader.read(file, "file"))
                .isInstanceOf(PictureFormatException.class)
                .hasMessageStartingWith("file: ")
                .hasMessageContaining(reason);
        // far below the smallest of the claims; AssertJ takes some itself
        assertThat(THREADS.getCurrentThreadAllocatedBytes() - before).isLessThan(16 << 20);
    }

    static byte[] png(byte[]... chunks) {
        byte[] file = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
        for (byte[] chunk : chunks) {
            file = joined(file, chunk);
        }
        return file;
    }

    static byte[] header(int width, int height, int bits, int colour) {
        return chunk(
                "IHDR",
                ByteBuffer.allocate(13)
                        .putInt(width)
                        .putInt(height)
                        .put((byte) bits)
                        .put((byte) colour)
                        .array());
    }

    static byte[] chunk(String name, byte... data) {
        byte[] named = joined(name.getBytes(StandardCharsets.US_ASCII), data);
        CRC32 crc = new CRC32();
        crc.update(named);
        return ByteBuffer.allocate(named.length + 8)
                .putInt(data.length)
                .put(named)
                .putInt((int) crc.getValue())
                .array();
    }

    static byte[] deflated(byte[] data) {
        Deflater deflater = new Deflater(1);
        deflater.setInput(data);
        deflater.finish();
        byte[] part = new byte[1 << 16];
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        while (!deflater.finished()) {
            out.write(part, 0, deflater.deflate(part));
        }
        deflater.end();
        return out.toByteArray();
    }

    private static byte[] withSize(byte[] jpeg, int marker, int height, int width) {
        return sized(jpeg, indexOf(jpeg, marker), height, width);
    }

    private static byte[] sized(byte[] jpeg, int frame, int height, int width) {
        byte[] out = jpeg.clone();
        ByteBuffer.wrap(out).putShort(frame + 5, (short) height).putShort(frame + 7, (short) width);
        return out;
    }

    private static int indexOf(byte[] file, int marker) {
        for (int i = 0; i < file.length - 1; i++) {
            if (file[i] == -1 && (file[i + 1] & 0xff) == marker
                    || file[i] == -1 && marker == 0xc0 && (file[i + 1] & 0xff) == 0xc2) {
                return i;
            }
        }
        throw new AssertionError("no marker " + marker);
    }

    private static byte[] from(byte[] file, int at) {
        return Arrays.copyOfRange(file, at, file.length);
    }

    private static byte[] joined(byte[] first, byte[] second) {
        byte[] out = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, out, first.length, second.length);
        return out;
    }
}
