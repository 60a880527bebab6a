package io.github.maskalign.core.files.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.NpzFile;
import io.github.maskalign.core.files.NpzWriter;
import io.github.maskalign.core.files.NpzWriter.RowStream;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Parts of arrays, and arrays that are written while they are made. */
class RowsTest {
    private static final int ROWS = 57;
    private static final int ROW = 35;

    @TempDir
    Path folder;

    private float[] values = new float[0];

    @BeforeEach
    void drawValues() {
        Random random = new Random(20261123);
        values = new float[ROWS * ROW];
        for (int i = 0; i < values.length; i++) {
            values[i] = random.nextInt(1000) / 8f;
        }
    }

    @Test
    void rowsOfAFileAreReadAlone() throws Exception {
        Path file = folder.resolve("a.npy");
        NpyFile.write(file, tensor());

        try (NpyFile npy = NpyFile.open(file)) {
            assertThat(npy.type()).isEqualTo(TensorType.F32);
            assertThat(npy.shape()).isEqualTo(new Shape(ROWS, 5, 7));
            assertRows(npy.rows(0, ROWS), 0, ROWS);
            assertRows(npy.rows(11, 3), 11, 3);
            assertRows(npy.rows(ROWS - 1, 1), ROWS - 1, 1);
            assertRows(npy.rows(ROWS, 0), ROWS, 0);
            assertThatThrownBy(() -> npy.rows(ROWS - 1, 2))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(file + ": rows [56, 58) must be among its 57");
            assertThatThrownBy(() -> npy.rows(-1, 1)).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> npy.rows(1, Long.MAX_VALUE)).isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void rowsOfStoredAndPackedEntriesAreReadInAnyOrder() throws Exception {
        Path stored = folder.resolve("stored.npz");
        NpzWriter.write(stored, Map.of("a", tensor()));
        Path packed = packed("packed.npz", Files.readAllBytes(npyFile()), true);

        for (Path file : new Path[] {stored, packed}) {
            try (NpzFile npz = NpzFile.open(file)) {
                for (int from : new int[] {0, 10, 20, 3, 50, 0, 56}) {
                    int count = Math.min(10, ROWS - from);
                    assertRows(npz.rows("a", from, count), from, count);
                }
                assertThat(npz.tensor("a").floats()).isEqualTo(values);
                assertRows(npz.rows("a", 7, 2), 7, 2);
            }
        }
    }

    @Test
    void aChangedBitOfAStoredEntryIsNoticedWhereRowsAreReadInOrder() throws Exception {
        Path file = folder.resolve("stored.npz");
        NpzWriter.write(file, Map.of("a", tensor()));
        byte[] bytes = Files.readAllBytes(file);
        bytes[bytes.length / 2] ^= 1;
        Files.write(file, bytes);

        try (NpzFile npz = NpzFile.open(file)) {
            for (int pass = 0; pass < 2; pass++) {
                for (int from = 0; from < 50; from += 10) {
                    npz.rows("a", from, 10).floats();
                    npz.rows("a", 3, 1).floats(); // others may read elsewhere meanwhile
                }
                assertThatThrownBy(() -> npz.rows("a", 50, ROWS - 50).floats())
                        .isInstanceOf(CheckpointFormatException.class)
                        .hasMessageContaining("stored.npz, array \"a\": the data is damaged: its checksum is");
            }
        }
    }

    @Test
    void aSingleNumberHasNoRows() throws Exception {
        Path file = folder.resolve("a.npy");
        NpyFile.write(file, TensorSource.of(new Shape(), new float[] {3}));

        try (NpyFile npy = NpyFile.open(file)) {
            assertThat(npy.tensor().floats()).containsExactly(3);
            assertThatThrownBy(() -> npy.rows(0, 1)).hasMessageEndingWith("is a single number and has no rows");
        }
    }

    @Test
    void rowsOfFortranArraysComeOutInCOrder() throws Exception {
        Path file = Files.write(folder.resolve("f.npy"), NumpyCases.file("fortran-2x3x4.npy"));

        try (NpyFile npy = NpyFile.open(file)) {
            long[] all = npy.tensor().longs();
            assertThat(npy.rows(1, 1).longs()).isEqualTo(Arrays.copyOfRange(all, 12, 24));
            assertThat(npy.rows(1, 1).shape()).isEqualTo(new Shape(1, 3, 4));
        }
    }

    @Test
    void anArrayIsWrittenWhileItIsMade() throws Exception {
        Path file = folder.resolve("a.npz");
        RowStream stream = new RowStream(TensorType.F32, new Shape(ROWS, 5, 7), sink -> {
            for (int row = 0; row < ROWS; row++) {
                TensorSource.of(new Shape(ROW), Arrays.copyOfRange(values, row * ROW, (row + 1) * ROW))
                        .sendTo(sink);
            }
        });

        NpzWriter.write(file, Map.of("a", stream));

        try (NpzFile npz = NpzFile.open(file)) {
            assertThat(npz.tensor("a").floats()).isEqualTo(values);
            assertRows(npz.rows("a", 5, 9), 5, 9);
        }
        try (java.util.zip.ZipFile zip = new java.util.zip.ZipFile(file.toFile())) { // somebody else's reader
            assertThat(zip.getInputStream(zip.getEntry("a.npy")).readAllBytes())
                    .isEqualTo(Files.readAllBytes(npyFile()));
        }
    }

    @Test
    void anArrayThatIsNotAllMadeLeavesTheOldFile() throws Exception {
        Path file = Files.writeString(folder.resolve("a.npz"), "old");
        RowStream tooShort =
                new RowStream(TensorType.U8, new Shape(3), sink -> sink.accept(ByteBuffer.wrap(new byte[2])));
        RowStream failing = new RowStream(TensorType.U8, new Shape(3), sink -> {
            throw new IOException("no more");
        });

        assertThatThrownBy(() -> NpzWriter.write(file, Map.of("a", tooShort)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("must send 3 bytes but sent 2");
        assertThatThrownBy(() -> NpzWriter.write(file, Map.of("a", failing))).isInstanceOf(IOException.class);

        assertThat(file).hasContent("old");
        try (var entries = Files.list(folder)) {
            assertThat(entries).containsExactly(file);
        }
    }

    @Test
    void whatNumpyHasNoNameForIsNotWritten() {
        Path file = folder.resolve("a");

        assertThatThrownBy(() -> NpyFile.write(file, new RowStream(TensorType.BF16, new Shape(2), sink -> {})))
                .hasMessageStartingWith("NumPy has no type for BF16");
        for (String name : new String[] {"", "/a", "../a", "a/../b", "c:a", "a\\b", "a\0b", "x".repeat(501)}) {
            assertThatThrownBy(() -> NpzWriter.write(file, Map.of(name, tensor())))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("the name of an array must be a plain relative path");
        }
        assertThat(file).doesNotExist();
    }

    @Test
    void damageIsFoundWhenTheWholeIsRead() throws Exception {
        Path stored = folder.resolve("stored.npz");
        NpzWriter.write(stored, Map.of("a", tensor()));
        byte[] bytes = Files.readAllBytes(stored);
        bytes[bytes.length / 2] ^= 1;
        Files.write(stored, bytes);

        try (NpzFile npz = NpzFile.open(stored)) {
            assertThatThrownBy(() -> npz.tensor("a").floats())
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageStartingWith(stored + ", array \"a\": the data is damaged: its checksum is ");
        }
    }

    private TensorSource tensor() {
        return TensorSource.of(new Shape(ROWS, 5, 7), values);
    }

    private Path npyFile() throws IOException {
        Path file = folder.resolve("plain.npy");
        NpyFile.write(file, tensor());
        return file;
    }

    private Path packed(String name, byte[] npy, boolean deflated) throws IOException {
        Path file = folder.resolve(name);
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
            zip.setLevel(deflated ? 6 : 0);
            zip.putNextEntry(new ZipEntry("a.npy"));
            zip.write(npy);
        }
        return file;
    }

    private void assertRows(TensorSource rows, int from, int count) throws IOException {
        assertThat(rows.shape()).isEqualTo(new Shape(count, 5, 7));
        assertThat(rows.floats()).isEqualTo(Arrays.copyOfRange(values, from * ROW, (from + count) * ROW));
    }
}
