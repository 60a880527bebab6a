package io.github.maskalign.core.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.fuzz.Bytes;
import io.github.maskalign.core.fuzz.Fuzz;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Damaged files are read or refused with the one documented exception, in bounded time and memory. */
class PictureFuzzTest {
    private static final int FAST = 2_000;
    private static final int SLOW = 100_000;
    /** Largest picture times its bytes, and what the JDK's reader needs besides. */
    private static final long MOST_BYTES = 512L << 20;

    private static final long MOST_MILLIS = 3_000; // a refused 64-megapixel claim is decoded in about one second

    @Test
    void damagedPngFilesAreReadOrRefused() {
        assertThat(png(FAST)).isBetween(FAST / 20, FAST * 9 / 10);
    }

    @Test
    void damagedJpegFilesAreReadOrRefused() {
        assertThat(jpeg(FAST)).isBetween(FAST / 20, FAST * 9 / 10);
    }

    @Test
    @Tag("slow")
    void manyDamagedPngFilesAreReadOrRefused() {
        assertThat(png(SLOW)).isBetween(SLOW / 20, SLOW * 9 / 10);
    }

    @Test
    @Tag("slow")
    void manyDamagedJpegFilesAreReadOrRefused() {
        assertThat(jpeg(SLOW)).isBetween(SLOW / 20, SLOW * 9 / 10);
    }

    private static int png(int count) {
        return Fuzz.of(seeds((byte) 0x89), PictureFuzzTest::mutatePng, PictureFormatException.class)
                .within(MOST_BYTES, MOST_MILLIS)
                .run(count, PictureFuzzTest::read);
    }

    private static int jpeg(int count) {
        return Fuzz.of(seeds((byte) 0xff), PictureFuzzTest::mutateJpeg, PictureFormatException.class)
                .within(MOST_BYTES, MOST_MILLIS)
                .run(count, PictureFuzzTest::read);
    }

    private static void read(byte[] file) throws PictureFormatException {
        Picture picture = PictureReader.readUpright(file, "file");
        assertThat(picture.pixels()).hasSize(picture.width() * picture.height() * 3);
    }

    private static List<byte[]> seeds(byte first) {
        return PictureCases.names().stream()
                .map(PictureCases::file)
                .filter(file -> file[0] == first)
                .toList();
    }

    /** Half of the damage is inside of a chunk, before its checksum and, for pixels, before they are packed. */
    private static byte[] mutatePng(byte[] seed, Random random) {
        if (random.nextBoolean()) {
            return Bytes.mutate(seed, random);
        }
        ByteBuffer in = ByteBuffer.wrap(seed);
        List<byte[]> chunks = new ArrayList<>();
        int victim = random.nextInt(6);
        for (int at = 8, n = 0; at < seed.length; n++) {
            int length = in.getInt(at);
            String name = new String(seed, at + 4, 4, StandardCharsets.US_ASCII);
            byte[] data = Arrays.copyOfRange(seed, at + 8, at + 8 + length);
            if (n == victim || name.equals("IDAT") && random.nextBoolean()) {
                data = name.equals("IDAT") ? repacked(data, random) : Bytes.mutate(data, random);
            }
            chunks.add(HostilePictureTest.chunk(name, data));
            at += length + 12;
        }
        return HostilePictureTest.png(chunks.toArray(byte[][]::new));
    }

    private static byte[] repacked(byte[] packed, Random random) {
        Inflater inflater = new Inflater();
        inflater.setInput(packed);
        byte[] rows = new byte[1 << 16];
        try {
            return HostilePictureTest.deflated(Bytes.mutate(Arrays.copyOf(rows, inflater.inflate(rows)), random));
        } catch (DataFormatException e) {
            return Bytes.mutate(packed, random); // a later part of split data
        } finally {
            inflater.end();
        }
    }

    /** Some damage hits the segments before the pixels, which are but a part of the file. */
    private static byte[] mutateJpeg(byte[] seed, Random random) {
        if (random.nextBoolean()) {
            return Bytes.mutate(seed, random);
        }
        byte[] file = seed.clone();
        List<Integer> markers = new ArrayList<>();
        for (int i = 2; i < file.length - 8; i++) {
            if (file[i] == -1 && file[i + 1] != 0 && file[i + 1] != -1) {
                markers.add(i);
            }
        }
        if (markers.isEmpty()) {
            return file;
        }
        for (int n = 1 + random.nextInt(3); n > 0; n--) {
            int at = markers.get(random.nextInt(markers.size())) + 1 + random.nextInt(24);
            if (at < file.length) {
                file[at] = (byte) (random.nextBoolean() ? random.nextInt(256) : file[at] ^ 1 << random.nextInt(8));
            }
        }
        return file;
    }
}
