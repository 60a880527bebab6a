package io.github.maskalign.core.files;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.files.internal.SafetensorsHeader.TensorInfo;
import io.github.maskalign.core.fuzz.Fuzz;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Mutated headers: a file opens or throws the one documented exception, and takes little memory and time. */
class SafetensorsFuzzTest {
    private static final long SEED = 20261122;
    private static final int FAST = 2_000;
    private static final int SLOW = 100_000;
    private static final String HEADER = "{\"__metadata__\":{\"k\":\"v\"},"
            + "\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
            + "\"b\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[24,26]},"
            + "\"c\":{\"dtype\":\"BOOL\",\"shape\":[2,0,1],\"data_offsets\":[26,26]}}  ";
    private static final int DATA_BYTES = 26;

    private static final List<String> TOKENS = List.of(
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\\",
            "\\u",
            "\\ud83d",
            "null",
            "true",
            "-1",
            "0",
            "24",
            "26",
            "1e9",
            "0.5",
            "18446744073709551615",
            "9223372036854775807",
            "\"F32\"",
            "\"F64\"",
            "\"shape\"",
            "\"dtype\"",
            "\"data_offsets\"",
            "\"__metadata__\"",
            " ",
            "\n",
            "\u0000",
            "\ufeff",
            "é",
            "//",
            "[0,24]",
            "{}",
            "[]");

    @TempDir
    Path folder;

    @Test
    void mutatedHeadersOpenOrAreRefused() throws Exception {
        // Some mutations are harmless (white space, another metadata text); a fuzzer that never passes tests nothing.
        assertThat(opened(FAST)).isBetween(FAST / 50, FAST / 2);
    }

    @Test
    @Tag("slow")
    void manyMutatedHeadersOpenOrAreRefused() throws Exception {
        assertThat(opened(SLOW)).isBetween(SLOW / 50, SLOW / 2);
    }

    private int opened(int count) throws IOException {
        int opened = 0;
        for (int i = 0; i < count; i++) {
            Random random = Fuzz.random(SEED + i);
            byte[] content = mutate(random);
            Path file = Files.write(folder.resolve("x.safetensors"), content);
            try (SafetensorsFile f = SafetensorsFile.open(file)) {
                for (String name : f.tensors().keySet()) {
                    readAll(f, name);
                }
                opened++;
            } catch (CheckpointFormatException e) {
                assertThat(e.getMessage()).as("seed %d", SEED + i).startsWith(file + "");
                assertThat(e.getMessage().length()).as("seed %d", SEED + i).isLessThan(4_000);
            } catch (RuntimeException | Error e) {
                throw new AssertionError("seed " + (SEED + i) + ": " + Arrays.toString(content), e);
            }
        }
        return opened;
    }

    @Test
    void hugeClaimsTakeNoMemory() throws Exception {
        com.sun.management.ThreadMXBean threads =
                (com.sun.management.ThreadMXBean) java.lang.management.ManagementFactory.getThreadMXBean();
        for (String claim : List.of(
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[268435456],\"data_offsets\":[0,1073741824]}}",
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[4611686018427387904],\"data_offsets\":[0,4611686018427387904]}}",
                "{\"a\":{\"dtype\":\"F64\",\"shape\":[" + "1,".repeat(1_000_000) + "1],\"data_offsets\":[0,8]}}")) {
            Path file = Files.write(folder.resolve("x.safetensors"), TestFiles.safetensors(claim, 8));
            long before = threads.getCurrentThreadAllocatedBytes();

            try (SafetensorsFile f = SafetensorsFile.open(file)) {
                throw new AssertionError("opened " + f.tensors());
            } catch (CheckpointFormatException e) {
                // refused, as it should be
            }

            long allocated = threads.getCurrentThreadAllocatedBytes() - before;
            // Three copies of the header (bytes, chars, text), and a reader.
            assertThat(allocated).isLessThan(8L * Files.size(file) + (1 << 20));
        }
    }

    private static void readAll(SafetensorsFile f, String name) throws IOException {
        TensorInfo info = f.tensors().get(name);
        assertThat(f.data(name).remaining()).isEqualTo((int) info.byteSize());
        if (info.type().isFloat()) {
            assertThat(f.floats(name)).hasSize((int) info.shape().size());
        } else if (info.type().isInteger()) {
            assertThat(f.longs(name)).hasSize((int) info.shape().size());
        }
    }

    private static byte[] mutate(Random random) {
        byte[] header = HEADER.getBytes(StandardCharsets.UTF_8);
        for (int n = 1 + random.nextInt(3); n > 0; n--) {
            header = mutate(header, random);
        }
        byte[] file = TestFiles.safetensors(header, DATA_BYTES);
        if (random.nextInt(10) == 0) { // the length field
            ByteBuffer.wrap(file)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(0, random.nextBoolean() ? random.nextLong() : random.nextInt(400));
        }
        if (random.nextInt(10) == 0) {
            file = Arrays.copyOf(file, random.nextInt(file.length + 20)); // cut off or extended
        }
        return file;
    }

    private static byte[] mutate(byte[] header, Random random) {
        int at = random.nextInt(header.length);
        int to = at + random.nextInt(Math.min(20, header.length - at));
        String token = TOKENS.get(random.nextInt(TOKENS.size()));
        return switch (random.nextInt(6)) {
            case 0 -> flipped(header, at, 1 << random.nextInt(8));
            case 1 -> spliced(header, at, to, new byte[0]);
            case 2 -> spliced(header, at, at, Arrays.copyOfRange(header, at, to));
            case 3 -> spliced(header, at, at, token.getBytes(StandardCharsets.UTF_8));
            case 4 -> spliced(header, at, to, token.getBytes(StandardCharsets.UTF_8));
            default -> digitChanged(header, at, random);
        };
    }

    private static byte[] flipped(byte[] header, int at, int bit) {
        byte[] out = header.clone();
        out[at] ^= (byte) bit;
        return out;
    }

    private static byte[] digitChanged(byte[] header, int from, Random random) {
        byte[] out = header.clone();
        for (int i = from; i < out.length; i++) {
            if (out[i] >= '0' && out[i] <= '9') {
                out[i] = (byte) ('0' + random.nextInt(10));
                break;
            }
        }
        return out;
    }

    private static byte[] spliced(byte[] header, int from, int to, byte[] middle) {
        byte[] out = new byte[header.length - (to - from) + middle.length];
        System.arraycopy(header, 0, out, 0, from);
        System.arraycopy(middle, 0, out, from, middle.length);
        System.arraycopy(header, to, out, from + middle.length, header.length - to);
        return out.length == 0 ? new byte[] {' '} : out;
    }
}
