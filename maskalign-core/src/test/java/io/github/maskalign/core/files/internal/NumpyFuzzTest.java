package io.github.maskalign.core.files.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.NpzFile;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.fuzz.Bytes;
import io.github.maskalign.core.fuzz.Fuzz;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Damaged files are read or refused with the one documented exception, in bounded time and memory. */
class NumpyFuzzTest {
    private static final int FAST = 2_000;
    private static final int SLOW = 100_000;

    private static final List<String> WORDS = List.of(
            "'descr'",
            "'shape'",
            "'fortran_order'",
            "True",
            "False",
            "'<f4'",
            "'>i8'",
            "'|O'",
            "(",
            ")",
            "()",
            "(0,)",
            "(9223372036854775807,)",
            ",",
            ":",
            "{",
            "}",
            "L",
            "-",
            "0",
            "[",
            "'",
            "\"",
            "\\",
            "None",
            "é",
            "\0");

    @TempDir
    Path folder;

    @Test
    void damagedNpyFilesAreReadOrRefused() throws Exception {
        assertThat(npy(FAST)).isBetween(FAST / 20, FAST * 9 / 10);
    }

    @Test
    void damagedNpzFilesAreReadOrRefused() throws Exception {
        assertThat(npz(FAST)).isBetween(FAST / 50, FAST * 9 / 10);
    }

    @Test
    @Tag("slow")
    void manyDamagedNpyFilesAreReadOrRefused() throws Exception {
        assertThat(npy(SLOW)).isBetween(SLOW / 20, SLOW * 9 / 10);
    }

    @Test
    @Tag("slow")
    void manyDamagedNpzFilesAreReadOrRefused() throws Exception {
        assertThat(npz(SLOW)).isBetween(SLOW / 50, SLOW * 9 / 10);
    }

    private int npy(int count) throws Exception {
        Path file = folder.resolve("x.npy");
        List<byte[]> seeds = NumpyCases.arrays(".npy").stream()
                .filter(name -> !name.contains(":"))
                .map(NumpyCases::file)
                .toList();
        return Fuzz.of(seeds, NumpyFuzzTest::mutate, CheckpointFormatException.class)
                .within(16 << 20, 1_000)
                .run(count, input -> {
                    overwrite(file, input);
                    try (NpyFile npy = NpyFile.open(file)) {
                        read(npy.tensor());
                    }
                });
    }

    private int npz(int count) throws Exception {
        Path file = folder.resolve("x.npz");
        List<byte[]> seeds = List.of("stored.npz", "packed.npz", "names.npz", "empty.npz", "fortran.npz").stream()
                .map(NumpyCases::file)
                .toList();
        return Fuzz.of(seeds, NumpyFuzzTest::mutate, CheckpointFormatException.class)
                .within(16 << 20, 1_000)
                .run(count, input -> {
                    overwrite(file, input);
                    try (NpzFile npz = NpzFile.open(file)) {
                        for (String name : npz.names()) {
                            read(npz.tensor(name));
                        }
                    }
                });
    }

    /** Files.write empties the file first, for which some file systems wait for the disk. */
    private static void overwrite(Path file, byte[] input) throws IOException {
        try (FileChannel out = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            out.write(ByteBuffer.wrap(input), 0);
            out.truncate(input.length);
        }
    }

    private static void read(TensorSource tensor) throws Exception {
        long[] bytes = {0};
        tensor.sendTo(chunk -> bytes[0] += chunk.remaining());
        assertThat(bytes[0]).isEqualTo(tensor.byteSize());
    }

    /** Half of the damage is made of the words of a header, or hits the last bytes, where a zip file begins. */
    private static byte[] mutate(byte[] seed, Random random) {
        int tail = Math.min(seed.length, 200);
        return switch (random.nextInt(4)) {
            case 0 -> {
                byte[] word = WORDS.get(random.nextInt(WORDS.size())).getBytes(StandardCharsets.UTF_8);
                byte[] out = seed.clone();
                int at = random.nextInt(Math.min(out.length, 128));
                System.arraycopy(word, 0, out, at, Math.min(word.length, out.length - at));
                yield out;
            }
            case 1 -> {
                byte[] out = seed.clone();
                for (int n = 1 + random.nextInt(3); n > 0; n--) {
                    out[out.length - 1 - random.nextInt(tail)] ^= (byte) (1 << random.nextInt(8));
                }
                yield out;
            }
            default -> Bytes.mutate(seed, random);
        };
    }
}
