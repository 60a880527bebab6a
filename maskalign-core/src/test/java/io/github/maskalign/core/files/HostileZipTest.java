package io.github.maskalign.core.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.NpzFile.NpzLimits;
import io.github.maskalign.core.files.internal.HostileNpyTest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Zip files made to hurt: bombs, overlaps, names that leave the folder, headers that disagree. */
class HostileZipTest {
    private static final com.sun.management.ThreadMXBean THREADS =
            (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();

    @TempDir
    Path folder;

    @Test
    void bombsAreRefusedByWhatTheyClaim() throws Exception {
        byte[] zeros =
                HostileNpyTest.npy("{'descr': '|u1', 'fortran_order': False, 'shape': (16777216,), }", 1, 16 << 20);
        byte[] bomb = zip("a.npy", zeros);

        assertRefused(bomb, "the entry \"a.npy\" must unpack to at most 100.0 times its ");
        assertRefused(bomb, "(NpzLimits.maxRatio) but claims ");
        Path file = Files.write(folder.resolve("b.npz"), bomb);
        assertThatThrownBy(() -> NpzFile.open(file, new NpzLimits(10, 2_000, 1 << 20)))
                .hasMessageContaining("must have at most 1048576 bytes in all (NpzLimits.maxPackedTotal)");
        try (NpzFile npz = NpzFile.open(file, new NpzLimits(10, 2_000, 1L << 30))) {
            assertThat(npz.rows("a", (16 << 20) - 3, 3).longs()).containsExactly(0, 0, 0);
        }
    }

    @Test
    void bombsThatUnderstateTheirSizeAreCaughtAtTheDeclaredByte() throws Exception {
        byte[] lying = zip(
                "a.npy", HostileNpyTest.npy("{'descr': '|u1', 'fortran_order': False, 'shape': (9,), }", 1, 16 << 20));
        int local = 0;
        int central = indexOf(lying, 0x02014b50);
        int descriptor = indexOf(lying, 0x08074b50);
        int declared = 10 + "{'descr': '|u1', 'fortran_order': False, 'shape': (9,), }".length() + 9;
        little(lying)
                .putInt(central + 24, declared)
                .putInt(descriptor + 12, declared)
                .putInt(local + 22, 0);
        Path file = Files.write(folder.resolve("b.npz"), lying);
        long before = THREADS.getCurrentThreadAllocatedBytes();

        try (NpzFile npz = NpzFile.open(file)) {
            assertThatThrownBy(() -> npz.tensor("a").longs())
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining("more than the declared " + declared + " bytes come out");
        }

        assertThat(THREADS.getCurrentThreadAllocatedBytes() - before).isLessThan(8 << 20);
    }

    @Test
    void entriesThatClaimMoreThanComesOutAreCaught() throws Exception {
        byte[] lying =
                zip("a.npy", HostileNpyTest.npy("{'descr': '|u1', 'fortran_order': False, 'shape': (90,), }", 1, 50));
        int declared = little(lying).getInt(indexOf(lying, 0x02014b50) + 24) + 40;
        little(lying)
                .putInt(indexOf(lying, 0x02014b50) + 24, declared)
                .putInt(indexOf(lying, 0x08074b50) + 12, declared);
        Path file = Files.write(folder.resolve("b.npz"), lying);

        try (NpzFile npz = NpzFile.open(file)) {
            assertThatThrownBy(() -> npz.tensor("a").longs())
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining("less than the declared " + declared + " bytes come out");
        }
    }

    @Test
    void namesThatLeaveTheFolderAreRefused() throws Exception {
        for (String name :
                new String[] {"../a.npy", "a/../../b.npy", "/etc/a.npy", "c:\\a.npy", "c:a.npy", "a\\b.npy"}) {
            assertRefused(zip(name, array()), "the name of a zip entry must be a plain relative path");
        }
        assertRefused(
                zip("a\0b.npy", array()),
                "must be a plain relative path of at most 512 bytes but is \"a\\u0000b.npy\"");
        assertRefused(zip("x".repeat(600) + ".npy", array()), "at most 512 bytes");
    }

    @Test
    void overlappingAndDoubledEntriesAreRefused() throws Exception {
        byte[] two = stored("a", "b");
        int first = indexOf(two, 0x02014b50);
        byte[] overlapping = two.clone();
        little(overlapping)
                .putInt(first + 20, 200)
                .putInt(first + 24, 200)
                .putLong(35 + 4, 200)
                .putLong(35 + 12, 200);
        byte[] doubled = stored("a", "b");
        for (int at = 0; at < doubled.length - 5; at++) {
            if (new String(doubled, at, 5, StandardCharsets.US_ASCII).equals("b.npy")) {
                doubled[at] = 'a';
            }
        }

        assertRefused(overlapping, "the entry \"a.npy\" of 200 bytes runs into the next");
        assertRefused(doubled, "it has two entries of the name \"a.npy\"");
    }

    @Test
    void headersMustAgreeWithTheDirectory() throws Exception {
        byte[] good = stored("a");
        int central = indexOf(good, 0x02014b50);

        assertRefused(
                with(good, 30, 'x'), "the entry \"a.npy\" is not the same in the zip directory and at its place 0");
        assertRefused(with(good, 14, good[14] + 1), "is not the same in the zip directory");
        assertRefused(with(good, 35 + 4, good[35 + 4] + 1), "is not the same in the zip directory");
        assertRefused(with(good, 8, 8), "is not the same in the zip directory");
        assertRefused(with(good, 0, 'Q'), "is not the same in the zip directory");
        assertRefused(with(good, central + 8, 1), "is encrypted or of a kind that is not supported");
        assertRefused(with(good, central + 10, 12), "must be stored or deflated but has method 12");
        assertRefused(with(good, central + 34, 1), "is said to be in another part");
        assertRefused(with(good, central + 41, 0xa1), "is a symbolic link");
        assertRefused(with(good, central + 24, 1), "is not packed but has two sizes, 1 and 140");
        assertRefused(with(good, central + 45, 0x7f), "begins at 2130706432, behind the last");
        assertRefused(with(good, central + 46, 0x80), "must be US-ASCII text");
        assertRefused(with(good, central, 'Q'), "its directory is damaged");
        assertRefused(with(good, central + 28, 99), "its directory is damaged");
    }

    @Test
    void theEndRecordMustFit() throws Exception {
        byte[] good = stored("a");
        int end = indexOf(good, 0x06054b50);

        assertRefused(with(with(good, end + 8, 2), end + 10, 2), "which cannot be right for 2 entries");
        assertRefused(with(good, end + 10, 2), "speaks of several");
        assertRefused(with(good, end + 4, 1), "speaks of several");
        assertRefused(with(with(good, end + 8, 0), end + 10, 0), "must have 0 entries, as its end says, but has 1");
        assertRefused(with(good, end + 12, good[end + 12] + 1), "does not lie right before its end");
        assertRefused(with(good, end + 16, good[end + 16] + 1), "does not lie right before its end");
        assertRefused(Arrays.copyOf(good, good.length - 1), "does not end as one");
        assertRefused(Arrays.copyOfRange(good, 1, good.length), "does not lie right before its end");
        assertRefused(new byte[3], "is no zip file");
        little(good).putInt(end + 16, -1);
        assertRefused(good, "points to a Zip64 record that is not there");
    }

    @Test
    void zip64RecordsMustFit() throws Exception {
        byte[] plain = stored("a");
        int end = indexOf(plain, 0x06054b50);
        ByteBuffer wide = ByteBuffer.allocate(plain.length + 76).order(ByteOrder.LITTLE_ENDIAN);
        wide.put(plain, 0, end);
        int size = little(plain).getInt(end + 12);
        int start = little(plain).getInt(end + 16);
        wide.putInt(0x06064b50)
                .putLong(44)
                .putShort((short) 45)
                .putShort((short) 45)
                .putInt(0)
                .putInt(0);
        wide.putLong(1).putLong(1).putLong(size).putLong(start);
        wide.putInt(0x07064b50).putInt(0).putLong(end).putInt(1);
        wide.put(plain, end, 22);
        byte[] good = wide.array();

        try (NpzFile npz = NpzFile.open(Files.write(folder.resolve("w.npz"), good))) {
            assertThat(npz.tensor("a").floats()).containsExactly(1, 2, 3);
        }
        assertRefused(with(good, end, 'Q'), "its Zip64 end record is damaged");
        assertRefused(with(good, end + 4, 99), "its Zip64 end record is damaged");
        assertRefused(with(good, end + 16, 1), "speaks of several");
        assertRefused(with(good, end + 40, 1), "its two end records do not agree");
        assertRefused(with(good, end + 56 + 8, 1), "must lie before its locator but is said to be at");
        assertRefused(with(good, end + 56 + 15, 0x80), "must lie before its locator but is said to be at -");
        byte[] negative = good.clone();
        little(negative).putInt(end + 76 + 16, -1).putLong(end + 48, -5);
        assertRefused(negative, "does not lie right before its end");
        byte[] many = good.clone();
        little(many).putInt(end + 76 + 8, -1).putLong(end + 24, -1).putLong(end + 32, -1);
        assertRefused(many, "at most 10000 entries (NpzLimits.maxEntries) but has 18446744073709551615");
    }

    @Test
    void arraysMustFillTheirEntries() throws Exception {
        byte[] longer =
                zip("a.npy", HostileNpyTest.npy("{'descr': '|u1', 'fortran_order': False, 'shape': (9,), }", 1, 10));
        byte[] shorter =
                zip("a.npy", HostileNpyTest.npy("{'descr': '|u1', 'fortran_order': False, 'shape': (9,), }", 1, 8));

        assertRefused(longer, "array \"a\": the array has 9 bytes but 10 follow its header");
        assertRefused(shorter, "has 9 bytes but 8 are there");
        assertRefused(zip("a.npy", new byte[0]), "has at least 10 bytes but this one has 0");
    }

    @Test
    void thousandsOfEntriesTakeLittleMemory() throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(out)) {
            for (int i = 0; i < 10_001; i++) {
                zip.putNextEntry(new ZipEntry(i + ".npy"));
                zip.write(array());
            }
        }
        Path file = Files.write(folder.resolve("m.npz"), out.toByteArray());

        assertRefused(out.toByteArray(), "at most 10000 entries (NpzLimits.maxEntries) but has 10001");
        try (NpzFile npz = NpzFile.open(file, new NpzLimits(20_000, 100, 1 << 30))) {
            assertThat(npz.names()).hasSize(10_001);
        }
    }

    @Test
    void otherEntriesAreIgnored() throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(out)) {
            zip.putNextEntry(new ZipEntry("folder/"));
            zip.putNextEntry(new ZipEntry("readme.txt"));
            zip.write(7);
            zip.putNextEntry(new ZipEntry("folder/a.npy"));
            zip.write(array());
        }

        try (NpzFile npz = NpzFile.open(Files.write(folder.resolve("o.npz"), out.toByteArray()))) {
            assertThat(npz.names()).containsExactly("folder/a");
        }
    }

    private void assertRefused(byte[] content, String reason) throws IOException {
        Path file = Files.write(folder.resolve("x.npz"), content);
        assertThatThrownBy(() -> NpzFile.open(file).close())
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageStartingWith(file.toString())
                .hasMessageContaining(reason);
    }

    private static byte[] array() {
        return HostileNpyTest.npy("{'descr': '|u1', 'fortran_order': False, 'shape': (9,), }", 1, 9);
    }

    private byte[] stored(String... names) throws IOException {
        Path file = folder.resolve("s.npz");
        Map<String, TensorSource> tensors = new LinkedHashMap<>();
        for (String name : names) {
            tensors.put(name, TensorSource.of(new Shape(3), new float[] {1, 2, 3}));
        }
        NpzWriter.write(file, tensors);
        return Files.readAllBytes(file);
    }

    private static byte[] zip(String name, byte[] content) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(out)) {
            zip.putNextEntry(new ZipEntry(name));
            zip.write(content);
        }
        return out.toByteArray();
    }

    private static byte[] with(byte[] file, int at, int value) {
        byte[] out = file.clone();
        out[at] = (byte) value;
        return out;
    }

    private static ByteBuffer little(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static int indexOf(byte[] file, int signature) {
        for (int i = 0; i <= file.length - 4; i++) {
            if (little(file).getInt(i) == signature) {
                return i;
            }
        }
        throw new AssertionError("no record " + Integer.toHexString(signature));
    }
}
