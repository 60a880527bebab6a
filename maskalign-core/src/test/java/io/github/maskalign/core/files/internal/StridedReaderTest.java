package io.github.maskalign.core.files.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.files.internal.StoredTensor.StridedReader;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Views of any kind against picking their elements one by one. */
class StridedReaderTest {
    private static final int BEGIN = 13;

    @TempDir
    Path folder;

    private byte[] content = {};
    private Path file = Path.of("");

    @BeforeEach
    void writeFile() throws Exception {
        content = new byte[6 << 20];
        new Random(7).nextBytes(content);
        file = Files.write(folder.resolve("storage"), content);
    }

    @Test
    void randomViewsThroughSmallBuffersAreReadRight() throws Exception {
        for (long seed = 0; seed < 3_000; seed++) {
            Random random = new Random(seed);
            int rank = 1 + random.nextInt(4);
            long[] sizes = new long[rank];
            long[] strides = new long[rank];
            for (int i = 0; i < rank; i++) {
                sizes[i] = 1 + random.nextInt(7);
                strides[i] =
                        random.nextInt(4) == 0 ? random.nextInt(3) : random.nextInt(random.nextBoolean() ? 60 : 2_000);
            }
            int elementBytes = 1 << random.nextInt(4);
            int output = elementBytes * (1 + random.nextInt(40));
            int window = elementBytes * (1 + random.nextInt(40));

            assertThat(read(sizes, strides, random.nextInt(50), elementBytes, output, window))
                    .as("seed %d: %s by %s", seed, Arrays.toString(sizes), Arrays.toString(strides))
                    .isTrue();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "1100 1300, 1 1100", // transposed, in more than one piece
        "7 400 500, 1 3500 7", // permuted
        "900000, 1", // one run, longer than a window
        "1300000, 0", // one element, often
        "400, 3500", // a column
        "3 1200000, 1 1", // overlapping
        "2 3 1 5 2 3 2 2, 1 2 99 6 30 60 180 360"
    })
    void largeViewsAreReadRight(String sizes, String strides) throws Exception {
        assertThat(read(numbers(sizes), numbers(strides), 5, 4, 4 << 20, 1 << 19))
                .isTrue();
    }

    private boolean read(long[] sizes, long[] strides, int offset, int elementBytes, int output, int window)
            throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (FileBytes bytes = FileBytes.open(file)) {
            new StridedReader(bytes, BEGIN, elementBytes, output, window).send(sizes, strides, offset, chunk -> {
                assertThat(chunk.remaining() % elementBytes).isZero();
                byte[] piece = new byte[chunk.remaining()];
                chunk.get(piece);
                out.writeBytes(piece);
            });
        }
        return Arrays.equals(out.toByteArray(), oneByOne(sizes, strides, offset, elementBytes));
    }

    private byte[] oneByOne(long[] sizes, long[] strides, int offset, int elementBytes) {
        int count = (int) Arrays.stream(sizes).reduce(1, (a, b) -> a * b);
        ByteBuffer out = ByteBuffer.allocate(count * elementBytes);
        for (int i = 0; i < count; i++) {
            long rest = i;
            long from = offset;
            for (int d = sizes.length - 1; d >= 0; d--) {
                from += rest % sizes[d] * strides[d];
                rest /= sizes[d];
            }
            out.put(content, (int) (BEGIN + from * elementBytes), elementBytes);
        }
        return out.array();
    }

    private static long[] numbers(String text) {
        return Arrays.stream(text.split(" ")).mapToLong(Long::parseLong).toArray();
    }
}
