package io.github.maskalign.core.data.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.data.PictureSets;
import io.github.maskalign.core.data.internal.PictureSet.PictureSetException;
import io.github.maskalign.core.files.internal.RawZip;
import io.github.maskalign.core.fuzz.Bytes;
import io.github.maskalign.core.fuzz.Fuzz;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.stream.Stream;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Zip files of pictures: those of common programs are read, others refused; scripts/golden/picture_zip_cases.py. */
class ZipSetTest {
    private static final Path FIXTURES = Path.of("src/test/resources/golden/picture_zips");
    private static final com.sun.management.ThreadMXBean THREADS =
            (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();

    @TempDir
    Path folder;

    static Stream<Path> ordinary() throws IOException {
        try (Stream<Path> files = Files.list(FIXTURES)) {
            return files.sorted().toList().stream();
        }
    }

    @ParameterizedTest
    @MethodSource("ordinary")
    void zipFilesOfCommonProgramsAreRead(Path file) throws Exception {
        try (PictureSet set = PictureSets.open(file)) {
            List<String> names = new ArrayList<>();
            for (int i = 0; i < set.size(); i++) {
                names.add(set.picture(i).name());
            }
            assertThat(names).containsExactly("n01/a.jpg", "n01/grün.png", "n02/b.jpeg", "n02/empty.JPEG");
            assertThat(set.classes()).containsExactly("n01", "n02");
            assertThat(new String(set.read(0), StandardCharsets.US_ASCII)).isEqualTo("a".repeat(600));
            assertThat(set.read(1)).hasSize(256).startsWith(0, 1, 2).endsWith(254, 255);
            assertThat(set.read(2)).containsExactly('b');
            assertThat(set.read(3)).isEmpty();
        }
    }

    @Test
    void zipFilesOfMacOsCountEntriesModulo65536() throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(out)) {
            zip.setLevel(Deflater.NO_COMPRESSION);
            for (int i = 0; i < 65_540; i++) {
                zip.putNextEntry(new ZipEntry(String.format(Locale.ROOT, "a/%06d.png", i)));
            }
        }
        byte[] wide = out.toByteArray();
        ByteBuffer end = ByteBuffer.wrap(wide).order(ByteOrder.LITTLE_ENDIAN);
        int at = wide.length - 22 - 20 - 56; // the 64-bit records, which are left out
        assertThat(end.getInt(at)).isEqualTo(0x06064b50);
        ByteBuffer narrow = ByteBuffer.allocate(at + 22).order(ByteOrder.LITTLE_ENDIAN);
        narrow.put(wide, 0, at).putInt(0x06054b50).putInt(0).putShort((short) 4).putShort((short) 4);
        narrow.putInt((int) end.getLong(at + 40))
                .putInt((int) end.getLong(at + 48))
                .putShort((short) 0);

        try (PictureSet set = PictureSets.open(Files.write(folder.resolve("mac.zip"), narrow.array()))) {
            assertThat(set.size()).isEqualTo(65_540);
            assertThat(set.picture(65_539).name()).isEqualTo("a/065539.png");
        }
    }

    static Stream<Arguments> damages() {
        return Stream.of(
                damage("half a billion entries", "at most 16777216 entries but has 536870912", z -> {
                    z.zip64 = true;
                    z.zip64CountChange = (1 << 29) - 1;
                }),
                damage("fewer than no entries", "at most 16777216 entries but has 18446744073709551610", z -> {
                    z.zip64 = true;
                    z.zip64CountChange = -7;
                }),
                damage("2^62 entries", "at most 16777216 entries but has 4611686018427387905", z -> {
                    z.zip64 = true;
                    z.zip64CountChange = 1L << 62;
                }),
                damage("a million entries", "cannot be right for 1000001 entries", z -> {
                    z.zip64 = true;
                    z.zip64CountChange = 1_000_000;
                }),
                damage("entry of another size", "is not packed but has two sizes", z -> z.get(0).size = 200 << 20),
                damage(
                        "entry beyond the end",
                        "\"a/x.png\" of 209715200 bytes runs into",
                        z -> z.get(0).size = z.get(0).stored = 200 << 20),
                damage("bomb", "must unpack to at most 100.0 times its 3 bytes but claims 209715200", z -> {
                    z.get(0).method = z.get(0).localMethod = 8;
                    z.get(0).size = 200 << 20;
                }),
                damage("overlap", "runs into the next", z -> {
                    z.add("a/y.png", new byte[] {1});
                    z.get(1).headerChange = -2;
                }),
                damage("climbs", "plain relative path of at most 4096 bytes but is \"../x.png\"", z -> {
                    z.get(0).name = z.get(0).localName = "../x.png";
                }),
                damage("bad checksum", "\"a/x.png\" is damaged: its checksum is wrong", z -> z.get(0).data[0] = 9),
                damage("no stream", "\"a/x.png\" is damaged: ", z -> {
                    z.get(0).method = z.get(0).localMethod = 8;
                    z.get(0).size = z.get(0).localSize = 3;
                }),
                damage("other local name", "\"a/x.png\" is not the same", z -> z.get(0).localName = "a/z.png"),
                damage("cut off", "is no zip file, or does not end as one", z -> z.tail = new byte[] {1}),
                damage("half flat", "all in none, but \"\\u202ex.png\" lies in none", z -> {
                    z.get(0).name = z.get(0).localName = "\u202ex.png";
                    z.add("a/y.png", new byte[] {1});
                }),
                damage(
                        "clears the screen",
                        "plain relative path of at most 4096 bytes but is \"a/\\u001b[2J.png\"",
                        z -> {
                            z.get(0).name = z.get(0).localName = "a/\u001b[2J.png";
                        }));
    }

    private static Arguments damage(String what, String reason, Consumer<RawZip> damage) {
        return Arguments.of(what, reason, damage);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("damages")
    void damagedZipIsRefusedWithTheOneException(String what, String reason, Consumer<RawZip> damage) throws Exception {
        RawZip zip = new RawZip().add("a/x.png", new byte[] {1, 2, 3});
        damage.accept(zip);
        Path file = Files.write(folder.resolve("x.zip"), zip.bytes());
        long before = THREADS.getCurrentThreadAllocatedBytes();

        assertThatThrownBy(() -> readAll(file))
                .isInstanceOf(PictureSetException.class)
                .hasMessageStartingWith(file + ": ")
                .hasMessageContaining(reason);
        assertThat(THREADS.getCurrentThreadAllocatedBytes() - before).isLessThan(8 << 20);
    }

    @Test
    void damagedZipFilesAreReadOrRefused() throws Exception {
        fuzz(2_000);
    }

    @Test
    @Tag("slow")
    void manyDamagedZipFilesAreReadOrRefused() throws Exception {
        fuzz(100_000);
    }

    private void fuzz(int count) throws Exception {
        List<byte[]> seeds = new ArrayList<>();
        for (Path file : ordinary().toList()) {
            seeds.add(Files.readAllBytes(file));
        }
        Path file = folder.resolve("fuzz.zip");

        int accepted = Fuzz.of(seeds, Bytes::mutate, PictureSetException.class)
                .within(16 << 20, 1_000)
                .run(count, input -> {
                    Files.write(file, input);
                    readAll(file);
                });

        assertThat(accepted).isBetween(count / 50, count / 2); // dates and comments may change, little else
    }

    private static void readAll(Path file) throws IOException {
        try (PictureSet set = PictureSets.open(file)) {
            for (int i = 0; i < set.size(); i++) {
                set.read(i);
            }
        }
    }
}
