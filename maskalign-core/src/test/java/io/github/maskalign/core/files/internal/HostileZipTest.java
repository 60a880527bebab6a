package io.github.maskalign.core.files.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.WeightsFile;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.Consumer;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Zip files that say different things in different places, or that no checkpoint is: refused, each with its reason. */
class HostileZipTest {
    @TempDir
    Path folder;

    private Path write(byte[] content) throws Exception {
        return Files.write(folder.resolve("x.pt"), content);
    }

    @Test
    void checkpointOfPlainEntriesIsRead() throws Exception {
        try (TorchFile file = TorchFile.open(write(RawZip.checkpoint().bytes()))) {
            assertThat(file.root()).isEqualTo(new TorchValue.None());
        }
    }

    static Stream<Arguments> damages() {
        return Stream.of(
                damage("compressed", "entry \"archive/data.pkl\" is compressed", z -> z.get(0).method = 8),
                damage("another size stored", "not packed but has two sizes, 4 and 3", z -> z.get(0).stored = 3),
                damage("encrypted", "is encrypted", z -> z.get(0).flags = 1),
                damage("strongly encrypted", "is encrypted", z -> z.get(0).flags = 0x40),
                damage("masked", "is encrypted", z -> z.get(0).flags = 0x2000),
                damage("method differs", "is not the same", z -> z.get(0).localMethod = 8),
                damage("flags differ", "is not the same", z -> z.get(0).localFlags = 0x800),
                damage("name differs", "is not the same", z -> z.get(0).localName = "archive/data.pkm"),
                damage("name is longer", "is not the same", z -> z.get(0).localName = "archive/data.pkl2"),
                damage("crc differs", "is not the same", z -> z.get(0).localCrc = 1),
                damage("size differs", "is not the same", z -> z.get(0).localSize = 3),
                damage("data damaged", "\"data.pkl\" is damaged: its CRC-32", z -> z.get(0).data[2] = 'K'),
                damage("hidden behind", "is not the same", z -> z.get(0).descriptor = new byte[16]),
                damage("entry too long", "runs into the next", z -> z.get(0).size = z.get(0).stored = 4000),
                damage("size of -2", "runs into the next", z -> z.get(0).size = z.get(0).stored = -2),
                damage("64-bit size missing", "lacks the 64-bit numbers", z -> z.get(0).size = z.get(0).stored = -1),
                damage("64-bit size negative", "negative size", z -> {
                    z.get(0).size = z.get(0).stored = -1;
                    z.get(0).extra = extra64(-5, -5);
                }),
                damage("64-bit field too long", "lacks the 64-bit numbers", z -> {
                    z.get(0).size = z.get(0).stored = -1;
                    z.get(0).extra = extra64(4, 4, 4);
                }),
                damage(
                        "duplicate",
                        "two entries of the name \"archive/data.pkl\"",
                        z -> z.add("archive/data.pkl", new byte[] {1})),
                damage("same place", "runs into the next", z -> z.get(1).headerChange = -z.get(0).data.length - 46),
                damage("overlap", "runs into the next", z -> z.get(1).headerChange = -1),
                damage("hole", "its first 1 bytes belong to no entry", z -> z.get(0).headerChange = 1),
                damage(
                        "beyond the end",
                        "its first 50 bytes belong to no entry",
                        z -> z.get(0).headerChange = 1_000_000),
                damage("no entries", "belong to no entry", z -> {
                    z.entries.clear();
                    z.beforeDirectory = new byte[] {'P', 'K', 3, 4};
                }),
                damage(
                        "bytes before the directory",
                        "runs into the next|is not the same",
                        z -> z.beforeDirectory = new byte[100]),
                damage("symbolic link", "must be a plain file", z -> z.get(1).attributes = 0xa1ff0000),
                damage("two disks", "must be in one part", z -> z.diskNumber = 1),
                damage("comment", "does not end as one", z -> z.comment = "PK"),
                damage("something appended", "does not end as one", z -> z.tail = new byte[] {0}),
                damage(
                        "a script appended",
                        "does not end as one",
                        z -> z.tail = "#!/bin/sh\n".repeat(10).getBytes(StandardCharsets.US_ASCII)),
                damage("more entries told", "must have 4 entries", z -> z.countChange = 1),
                damage("fewer entries told", "must have 2 entries", z -> z.countChange = -1),
                damage("directory elsewhere", "right before its end", z -> z.directoryOffsetChange = 1),
                damage("64-bit end elsewhere", "right before its end", z -> {
                    z.zip64 = true;
                    z.directoryOffsetChange = Long.MIN_VALUE;
                }),
                damage("64-bit count", "at most 100000 entries", z -> {
                    z.zip64 = true;
                    z.zip64CountChange = 1L << 40;
                }),
                damage("64-bit count negative", "at most 100000 entries but has 18446744073709551519", z -> {
                    z.zip64 = true;
                    z.zip64CountChange = -100;
                }),
                damage("no pickle", "no entry \"data.pkl\"", z -> z.entries.remove(0)),
                damage("no version", "no entry \"version\"", z -> z.entries.remove(2)),
                damage(
                        "version 11",
                        "format version \"11\"",
                        z -> z.entries.set(
                                2, new RawZip.Entry("archive/version", "11\n".getBytes(StandardCharsets.US_ASCII)))),
                damage(
                        "version text",
                        "format version \"three\"",
                        z -> z.entries.set(
                                2, new RawZip.Entry("archive/version", "three".getBytes(StandardCharsets.US_ASCII)))),
                damage(
                        "version endless",
                        "at most 64 bytes",
                        z -> z.entries.set(
                                2,
                                new RawZip.Entry(
                                        "archive/version", "3".repeat(100).getBytes(StandardCharsets.US_ASCII)))),
                damage(
                        "big-endian",
                        "byte order \"big\"",
                        z -> z.entries.set(
                                1, new RawZip.Entry("archive/byteorder", "big".getBytes(StandardCharsets.US_ASCII)))),
                damage("program", "TorchScript archive", z -> z.add("archive/code/__torch__.py", new byte[0])),
                damage("constants", "TorchScript archive", z -> z.add("archive/constants.pkl", new byte[0])),
                damage("two folders", "must lie in one folder", z -> z.add("other/data.pkl", new byte[0])),
                damage("no folder", "must lie in one folder", z -> z.add("data.pkl", new byte[0])));
    }

    private static Arguments damage(String what, String reason, Consumer<RawZip> damage) {
        return Arguments.of(what, reason, damage);
    }

    private static byte[] extra64(long... values) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(RawZip.little(2, 1));
        out.writeBytes(RawZip.little(2, 8L * values.length));
        for (long value : values) {
            out.writeBytes(RawZip.little(8, value));
        }
        return out.toByteArray();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("damages")
    void damagedZipIsRefused(String what, String reason, Consumer<RawZip> damage) throws Exception {
        RawZip zip = RawZip.checkpoint();
        damage.accept(zip);
        Path file = write(zip.bytes());

        assertThatThrownBy(() -> TorchFile.open(file))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageStartingWith(file + ": ")
                .message()
                .containsPattern(reason);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "archive/../evil",
                "archive/data/../../evil",
                "../evil",
                "/etc/passwd",
                "archive//data",
                "archive/./data",
                "archive/data/",
                "archive\\data",
                "C:/windows",
                "c:evil",
                "archive/a\u0000b",
                "archive/a\nb",
                "archive/\u0085",
                ""
            })
    void nameThatLeavesTheFolderIsRefused(String name) throws Exception {
        Path file = write(RawZip.checkpoint().add(name, new byte[0]).bytes());

        assertThatThrownBy(() -> TorchFile.open(file))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("the name of a zip entry must be a plain relative path of at most 512 bytes");
    }

    @Test
    void nameThatIsTooLongOrNoTextIsRefused() throws Exception {
        Path longName = write(RawZip.checkpoint()
                .add("archive/" + "a".repeat(600), new byte[0])
                .bytes());
        assertThatThrownBy(() -> TorchFile.open(longName)).hasMessageContaining("at most 512 bytes");

        byte[] bytes = RawZip.checkpoint().bytes();
        for (int i = 0; i < bytes.length - 3; i++) {
            if (bytes[i] == 'd' && bytes[i + 1] == 'a' && bytes[i + 2] == 't') {
                bytes[i] = (byte) 0xc0;
            }
        }
        Path noText = write(bytes);
        assertThatThrownBy(() -> TorchFile.open(noText)).hasMessageContaining("must be UTF-8 text");
    }

    @ParameterizedTest
    @ValueSource(ints = {12, 16, 20, 24})
    void checksumBehindTheDataIsRead(int bytes) throws Exception {
        RawZip zip = RawZip.checkpoint();
        RawZip.Entry entry = zip.get(0);
        behind(entry, bytes);

        try (TorchFile file = TorchFile.open(write(zip.bytes()))) {
            assertThat(file.root()).isEqualTo(new TorchValue.None());
        }

        RawZip wrong = RawZip.checkpoint();
        wrong.get(0).crc ^= 1;
        behind(wrong.get(0), bytes);
        wrong.get(0).crc ^= 1;
        Path file = write(wrong.bytes());
        assertThatThrownBy(() -> TorchFile.open(file)).hasMessageContaining("is not the same");
    }

    private static void behind(RawZip.Entry entry, int bytes) {
        int width = bytes >= 20 ? 8 : 4;
        ByteBuffer descriptor = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
        if (bytes % 8 == 0) {
            descriptor.putInt(0x08074b50);
        }
        descriptor.putInt((int) entry.crc);
        descriptor.put(RawZip.little(width, entry.size)).put(RawZip.little(width, entry.size));
        entry.descriptor = descriptor.array();
        entry.flags = 8;
        entry.localFlags = 8;
        entry.localCrc = 0;
        entry.localSize = 0;
    }

    @Test
    void sixtyFourBitDirectoryIsRead() throws Exception {
        RawZip zip = RawZip.checkpoint();
        zip.zip64 = true;
        zip.get(0).size = zip.get(0).stored = -1;
        zip.get(0).extra = extra64(4, 4);

        try (TorchFile file = TorchFile.open(write(zip.bytes()))) {
            assertThat(file.root()).isEqualTo(new TorchValue.None());
        }
    }

    @Test
    void checkpointPackedAgainWithoutCompressionIsRead() throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(out)) {
            zip.setMethod(ZipOutputStream.STORED);
            for (RawZip.Entry e : RawZip.checkpoint().entries) {
                ZipEntry entry = new ZipEntry(e.name);
                CRC32 crc = new CRC32();
                crc.update(e.data);
                entry.setCrc(crc.getValue());
                entry.setSize(e.data.length);
                zip.putNextEntry(entry);
                zip.write(e.data);
                zip.closeEntry();
            }
        }

        try (TorchFile file = TorchFile.open(write(out.toByteArray()))) {
            assertThat(file.root()).isEqualTo(new TorchValue.None());
        }
    }

    @Test
    void truncatedFileIsRefused() throws Exception {
        byte[] whole = Files.readAllBytes(Samples.path("list-current.pt"));
        for (int length = 0; length < whole.length; length += length < 100 ? 1 : 7) {
            Path file = write(Arrays.copyOf(whole, length));

            assertThatThrownBy(() -> WeightsFile.open(file)).isInstanceOf(CheckpointFormatException.class);
        }
    }

    @Test
    void fileCutOffAfterOpeningIsAnExceptionWhenRead() throws Exception {
        Path file = write(Files.readAllBytes(Samples.path("bare-current.pt")));
        try (TorchFile opened = TorchFile.open(file)) {
            Files.write(file, new byte[100]);

            assertThatThrownBy(() -> opened.stateDict().get("0.weight").floats())
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining("became shorter while it was read");
        }
    }
}
