package io.github.maskalign.core.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.NpzWriter.RowStream;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An array of more than 4 GiB, as 50,000 samples are, goes to disk and back without ever being in memory. */
@Tag("slow")
class LargeNpzTest {
    private static final com.sun.management.ThreadMXBean THREADS =
            (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final int SIDE = 256;
    private static final int ROW_BYTES = SIDE * SIDE * 3;
    private static final long ROWS = 22_500; // 4.42e9 bytes: more than 32 bits count

    /** Far below the array, and a hundred times what a buffer takes. */
    private static final long MOST_ALLOCATED = 96L << 20;

    @TempDir
    Path folder;

    @Test
    void samplesBeyondFourGibibytesAreWrittenAndReadInStreams() throws Exception {
        assumeThat(Files.getFileStore(folder).getUsableSpace()).isGreaterThan(3 * ROWS * ROW_BYTES);
        Path file = folder.resolve("samples.npz");
        long before = THREADS.getCurrentThreadAllocatedBytes();

        NpzWriter.write(file, arrays());

        assertThat(Files.size(file)).isGreaterThan(1L << 32);
        try (NpzFile npz = NpzFile.open(file)) {
            assertThat(npz.names()).containsExactly("arr_0", "label");
            assertThat(npz.tensor("label").longs()).containsExactly(7, 8, 9);
            for (long row : new long[] {0, 1, ROWS / 2, ROWS - 1}) {
                assertThat(first(npz.rows("arr_0", row, 1))).isEqualTo(row);
            }
            long[] read = {0};
            npz.tensor("arr_0").sendTo(chunk -> read[0] += chunk.remaining()); // and the checksum is right
            assertThat(read[0]).isEqualTo(ROWS * ROW_BYTES);
        }
        assertThat(THREADS.getCurrentThreadAllocatedBytes() - before).isLessThan(MOST_ALLOCATED);
    }

    /** Each row begins with its number and is zero otherwise. */
    private static Map<String, TensorSource> arrays() {
        Map<String, TensorSource> arrays = new LinkedHashMap<>();
        arrays.put("arr_0", new RowStream(TensorType.U8, new Shape(ROWS, SIDE, SIDE, 3), sink -> {
            ByteBuffer row = ByteBuffer.allocate(ROW_BYTES);
            for (long i = 0; i < ROWS; i++) {
                sink.accept(row.clear().putLong(0, i));
            }
        }));
        arrays.put("label", TensorSource.of(new Shape(3), new long[] {7, 8, 9}));
        return arrays;
    }

    private static long first(TensorSource row) throws Exception {
        long[] number = {-1};
        row.sendTo(chunk -> number[0] =
                number[0] < 0 ? chunk.order(java.nio.ByteOrder.BIG_ENDIAN).getLong(0) : number[0]);
        return number[0];
    }
}
