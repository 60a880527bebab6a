package io.github.maskalign.core.files.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.files.CheckpointFormatException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Headers that lie, or would be code if anybody ran them. */
public class HostileNpyTest {
    private static final com.sun.management.ThreadMXBean THREADS =
            (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();

    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource(
            delimiter = '§',
            quoteCharacter = '`',
            value = {
                "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4611686018427387904), }§has 2^63 bytes or more",
                "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000,), }§has 4000000000 bytes but 8 are there",
                "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }§must have counts in [0, 2^63)",
                "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }§must have counts in",
                "{'descr': '<f4', 'fortran_order': False, 'shape': (2.0,), }§but has '.0,), }'",
                "{'descr': '<f4', 'fortran_order': False, 'shape': (2), }§with a comma after a single number",
                "{'descr': '<f4', 'fortran_order': False, 'shape': 2, }§must have ( at character",
                "{'descr': '<f4', 'fortran_order': False, 'shape': __import__('os').system('id'), }§must have (",
                "{'descr': __import__('os').system('id'), 'fortran_order': False, 'shape': (2,), }§must have a string",
                "{'descr': '<f4', 'fortran_order': exit(), 'shape': (2,), }§must say True or False",
                "{'descr': '<f4', 'fortran_order': 0, 'shape': (2,), }§must say True or False",
                "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }§Python objects",
                "{'descr': 'O', 'fortran_order': False, 'shape': (1,), }§Python objects",
                "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (2,), }§records with fields",
                "{'descr': '=f4', 'fortran_order': False, 'shape': (2,), }§describes elements '=f4' but allowed are",
                "{'descr': '|f4', 'fortran_order': False, 'shape': (2,), }§describes elements",
                "{'descr': '<f\\x34', 'fortran_order': False, 'shape': (2,), }§must have a string for descr",
                "{'descr': '<f4', 'fortran_order': False, }§must have the keys descr, fortran_order and shape",
                "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}§has the key descr twice",
                "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 1}§has the unknown key 'x'",
                "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} + 1§goes on after its end with '+ 1'",
                "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)§must have } at character",
                "{'descr§must have a string for a key",
                "[1, 2]§must have { at character 0",
                "``§must have { at character 0",
            })
    void headersThatLieAreRefused(String header, String reason) throws Exception {
        assertRefused(npy(header, 1, 8), reason);
    }

    @Test
    void deepAndLongHeadersAreRefused() throws Exception {
        String many = "1, ".repeat(33);

        assertRefused(
                npy("{'descr': '<f4', 'fortran_order': False, 'shape': (" + many + "), }", 1, 8),
                "more than 32 dimensions");
        assertRefused(npy("(".repeat(60_000), 1, 8), "must have { at character 0");
        assertRefused(npy(" ".repeat(70_000), 2, 8), "the header must have at most 65536 bytes but has 70000");
    }

    @Test
    void lengthsAreCheckedBeforeMemoryIsTaken() throws Exception {
        byte[] file = npy("{}", 2, 8);
        ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).putInt(8, -1);
        byte[] cut = npy("{}", 1, 0);
        ByteBuffer.wrap(cut).order(ByteOrder.LITTLE_ENDIAN).putShort(8, (short) 400);

        assertRefused(file, "the header must have at most 65536 bytes but has 4294967295");
        assertRefused(cut, "the header has 400 bytes but the file ends 2 bytes after its start");
        assertRefused(new byte[9], "has at least 10 bytes but this one has 9");
        assertRefused(new byte[10], "must begin with the bytes 93 'NUMPY'");
        assertRefused(npy("{}", 4, 8), "must be 1.0, 2.0 or 3.0 but is 4.0");
        assertRefused(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 2, 0, 0, 0}, "cut off in its header");
    }

    @Test
    void aFortranArrayTooLargeToTransposeIsRefused() throws Exception {
        Path file = Files.write(
                folder.resolve("f.npy"),
                npy("{'descr': '|u1', 'fortran_order': True, 'shape': (65536, 65536), }", 1, 0));
        try (var channel = java.nio.channels.FileChannel.open(file, java.nio.file.StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.allocate(1), (1L << 32) + 1_000); // sparse
        }

        try (NpyFile npy = NpyFile.open(file)) {
            assertThatThrownBy(() -> npy.rows(0, 1).longs())
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining("an array in Fortran order must have less than 2 GiB but has 4294967296");
        }
    }

    private void assertRefused(byte[] content, String reason) throws Exception {
        Path file = Files.write(folder.resolve("x.npy"), content);
        long before = THREADS.getCurrentThreadAllocatedBytes();

        assertThatThrownBy(() -> NpyFile.open(file).close())
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageStartingWith(file + ": ")
                .hasMessageContaining(reason)
                .message()
                .hasSizeLessThan(400);

        // far less than any of the claims; AssertJ takes some itself
        assertThat(THREADS.getCurrentThreadAllocatedBytes() - before).isLessThan(8 << 20);
    }

    public static byte[] npy(String header, int version, int dataBytes) {
        byte[] text = header.getBytes(StandardCharsets.ISO_8859_1);
        ByteBuffer out = ByteBuffer.allocate(12 + text.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN);
        out.put((byte) 0x93).put("NUMPY".getBytes(StandardCharsets.US_ASCII));
        out.put((byte) version).put((byte) 0);
        if (version == 1) {
            out.putShort((short) text.length);
        } else {
            out.putInt(text.length);
        }
        out.put(text);
        return java.util.Arrays.copyOf(out.array(), out.position() + dataBytes);
    }
}
