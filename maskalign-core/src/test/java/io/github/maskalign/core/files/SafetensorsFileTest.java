package io.github.maskalign.core.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.SafetensorsWriter.WrittenFile;
import io.github.maskalign.core.files.internal.Digests;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsFileTest {
    @TempDir
    Path folder;

    private Path file() {
        return folder.resolve("x.safetensors");
    }

    @Test
    void arraysOfEveryTypeSurviveTheRoundTrip() throws Exception {
        try (NDManager manager = NDManager.newBaseManager()) {
            Map<String, NDArray> arrays = new LinkedHashMap<>();
            NDArray base = manager.arange(-7f, 8f).reshape(3, 5);
            for (DataType type : new DataType[] {
                DataType.FLOAT32, DataType.FLOAT64, DataType.FLOAT16, DataType.INT64, DataType.INT32, DataType.INT8
            }) {
                arrays.put("of." + type, base.div(type.isFloating() ? 3 : 1).toType(type, false));
            }
            arrays.put("of.uint8", base.add(200).toType(DataType.UINT8, false));
            arrays.put("of.bool", base.gt(0));
            arrays.put("scalar", manager.create(2.5f));
            arrays.put("empty", manager.create(new Shape(0)));
            arrays.put("empty.middle", manager.create(new Shape(3, 0, 2)));
            arrays.put("transposed", base.transpose());
            arrays.put("strided", base.get(":, ::2"));

            WrittenFile written = SafetensorsWriter.write(file(), StateDict.of(arrays), Map.of("k", "v", "a", "é\n"));

            assertThat(written.byteSize()).isEqualTo(Files.size(file()));
            assertThat(written.sha256()).isEqualTo(Digests.sha256(file())).matches("[0-9a-f]{64}");
            assertThat(written.tensorChecksums().keySet()).isEqualTo(arrays.keySet());
            try (SafetensorsFile f = SafetensorsFile.open(file())) {
                assertThat(f.metadata()).containsExactly(Map.entry("a", "é\n"), Map.entry("k", "v"));
                assertThat(f.tensors().keySet()).isEqualTo(arrays.keySet());
                for (Map.Entry<String, NDArray> a : arrays.entrySet()) {
                    NDArray read = f.read(a.getKey(), manager);
                    assertThat(read.getDataType()).isEqualTo(a.getValue().getDataType());
                    assertThat(read.getShape()).isEqualTo(a.getValue().getShape());
                    assertThat(read.toByteBuffer())
                            .as(a.getKey())
                            .isEqualTo(a.getValue().toByteBuffer());
                }
                assertThat(f.floats("transposed")).startsWith(-7 / 1f, -2f, 3f, -6f);
            }
        }
    }

    @Test
    void writingLeavesNoArrayBehind() throws Exception {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray base = manager.arange(15f).reshape(3, 5);
            StateDict state =
                    StateDict.of(Map.of("a", base, "b", base.transpose(), "c", base.get(":, ::2"), "d", base.gt(2)));
            int before = manager.getManagedArrays().size();

            SafetensorsWriter.write(file(), state, Map.of());

            assertThat(manager.getManagedArrays()).hasSize(before);
        }
    }

    @Test
    void readingLeavesOneArrayOnTheManager() throws Exception {
        SafetensorsWriter.write(file(), TestFiles.state(2, 9, 1), Map.of());
        try (NDManager manager = NDManager.newBaseManager();
                SafetensorsFile f = SafetensorsFile.open(file())) {
            NDArray array = f.read("blocks.1.weight", manager);

            assertThat(manager.getManagedArrays()).containsExactly(array);
            assertThat(array.getManager()).isSameAs(manager);
        }
    }

    @Test
    void javaArraysSurviveTheRoundTripInSeveralChunks() throws Exception {
        int count = (1 << 18) + 7;
        float[] floats = new float[count];
        long[] longs = new long[count];
        IntStream.range(0, count).forEach(i -> {
            floats[i] = i / 3f;
            longs[i] = (long) i * i - count;
        });

        SafetensorsWriter.write(
                file(),
                StateDict.ofTensors(Map.of(
                        "f",
                        TensorSource.of(new Shape(count), floats),
                        "l",
                        TensorSource.of(new Shape(1, count), longs))),
                Map.of());

        try (SafetensorsFile f = SafetensorsFile.open(file())) {
            assertThat(Arrays.equals(f.floats("f"), floats)).isTrue();
            assertThat(Arrays.equals(f.longs("l"), longs)).isTrue();
            assertThat(f.data("f").order()).isEqualTo(ByteOrder.LITTLE_ENDIAN);
            assertThat(f.data("f").asFloatBuffer().get(count - 1)).isEqualTo(floats[count - 1]);
        }
    }

    @Test
    void headerIsStrictPaddedAndTheDataAligned() throws Exception {
        SafetensorsWriter.write(
                file(),
                StateDict.ofTensors(Map.of(
                        "b", TensorSource.of(new Shape(1), new float[] {1}),
                        "a", TensorSource.of(new Shape(3), new float[3]),
                        "z", TensorSource.of(new Shape(), new long[] {9}))),
                Map.of("y", "2", "x", "1"));

        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file())).order(ByteOrder.LITTLE_ENDIAN);
        int length = (int) bytes.getLong();
        String header = new String(bytes.array(), 8, length);
        assertThat(length % 8).isZero();
        assertThat(header.strip())
                .isEqualTo("{\"__metadata__\":{\"x\":\"1\",\"y\":\"2\"},"
                        + "\"z\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
                        + "\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[8,20]},"
                        + "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[20,24]}}");
        assertThat(bytes.array()).hasSize(8 + length + 24);
    }

    @Test
    void namesThatTheReaderWouldRefuseAreNotWritten() {
        for (String name : new String[] {"__metadata__", "a\nb", "n".repeat(513), "\ud800"}) {
            StateDict state = StateDict.ofTensors(Map.of(name, TensorSource.of(new Shape(1), new float[1])));
            assertThatThrownBy(() -> SafetensorsWriter.write(file(), state, Map.of()))
                    .isInstanceOf(IllegalArgumentException.class);
        }
        assertThat(file()).doesNotExist();
    }

    @Test
    void aSourceThatSendsTooLittleIsNotStored() throws Exception {
        SafetensorsWriter.write(file(), TestFiles.state(1, 3, 1), Map.of());
        byte[] before = Files.readAllBytes(file());
        TensorSource liar = new TensorSource() {
            @Override
            public TensorType type() {
                return TensorType.F32;
            }

            @Override
            public Shape shape() {
                return new Shape(3);
            }

            @Override
            public void sendTo(Sink sink) throws java.io.IOException {
                sink.accept(ByteBuffer.allocate(8));
            }
        };

        assertThatThrownBy(() -> SafetensorsWriter.write(file(), StateDict.ofTensors(Map.of("a", liar)), Map.of()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("sent 8 bytes but has 12");
        assertThatThrownBy(liar::floats).isInstanceOf(IllegalStateException.class);
        assertThat(file()).hasBinaryContent(before);
    }

    @Test
    void missingTensorAndMissingFileAreNamed() throws Exception {
        SafetensorsWriter.write(file(), TestFiles.state(1, 3, 1), Map.of());
        try (SafetensorsFile f = SafetensorsFile.open(file())) {
            assertThatThrownBy(() -> f.floats("pos_embed"))
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessage(file() + ": there is no tensor \"pos_embed\" among its 1");
        }
        assertThatThrownBy(() -> SafetensorsFile.open(folder.resolve("none"))).isInstanceOf(NoSuchFileException.class);
    }

    @Test
    void everyTruncationIsNoticed() throws Exception {
        SafetensorsWriter.write(file(), TestFiles.state(3, 5, 1), Map.of("k", "v"));
        byte[] whole = Files.readAllBytes(file());
        for (int length = 0; length < whole.length; length++) {
            Files.write(file(), Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> SafetensorsFile.open(file())).isInstanceOf(CheckpointFormatException.class);
        }
    }

    @Test
    void fileCutOffWhileOpenIsAnExceptionNotAFault() throws Exception {
        SafetensorsWriter.write(file(), TestFiles.state(1, 5000, 1), Map.of());
        try (SafetensorsFile f = SafetensorsFile.open(file());
                RandomAccessFile cut = new RandomAccessFile(file().toFile(), "rw");
                NDManager manager = NDManager.newBaseManager()) {
            cut.setLength(9000);

            assertThatThrownBy(() -> f.floats("blocks.0.weight"))
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContainingAll("tensor \"blocks.0.weight\"", "became shorter");
            assertThatThrownBy(() -> f.read("blocks.0.weight", manager)).isInstanceOf(CheckpointFormatException.class);
            assertThat(manager.getManagedArrays()).isEmpty();
        }
    }

    @Test
    void booleansOtherThan0And1AreRefused() throws Exception {
        byte[] bytes = TestFiles.safetensors("{\"m\":{\"dtype\":\"BOOL\",\"shape\":[3],\"data_offsets\":[0,3]}}", 3);
        bytes[bytes.length - 1] = 2;
        Files.write(file(), bytes);
        try (SafetensorsFile f = SafetensorsFile.open(file());
                NDManager manager = NDManager.newBaseManager()) {
            assertThatThrownBy(() -> f.read("m", manager))
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining("stored as 0 or 1 but one is 2");
            assertThatThrownBy(() -> f.longs("m")).isInstanceOf(CheckpointFormatException.class);
        }
    }

    @Test
    void mappedDataOutlivesTheFile() throws Exception {
        SafetensorsWriter.write(file(), TestFiles.state(1, 5, 3), Map.of());
        ByteBuffer data;
        try (SafetensorsFile f = SafetensorsFile.open(file())) {
            data = f.data("blocks.0.weight");
        }
        assertThat(data.isReadOnly()).isTrue();
        assertThat(data.getFloat(4)).isEqualTo(3.125f);
    }

    @Test
    void unalignedTensorsAreRead() throws Exception {
        String header = "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                + "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[1,9]}}";
        byte[] bytes = TestFiles.safetensors(header, 9);
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putFloat(bytes.length - 4, 1.5f);
        Files.write(file(), bytes);
        try (SafetensorsFile f = SafetensorsFile.open(file());
                NDManager manager = NDManager.newBaseManager()) {
            assertThat(f.floats("b")).containsExactly(0f, 1.5f);
            assertThat(f.read("b", manager).toFloatArray()).containsExactly(0f, 1.5f);
            assertThat(f.data("b").getFloat(4)).isEqualTo(1.5f);
        }
    }

    @Test
    @Tag("slow")
    void filesBeyondTwoGibibytesAreReadTensorByTensor() throws Exception {
        // A sparse file: 3 GiB + 4 GiB that take no space, then 8 bytes.
        long three = 3L << 30;
        String header = String.format(
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[%d],\"data_offsets\":[0,%d]},"
                        + "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[%d,%d]}}",
                three, three, three, three + 8);
        byte[] start = TestFiles.safetensors(header, 0);
        try (RandomAccessFile out = new RandomAccessFile(file().toFile(), "rw")) {
            out.write(start);
            out.setLength(start.length + three + 8);
            out.seek(start.length + three + 4);
            out.write(new byte[] {0, 0, (byte) 0xc0, 0x3f}); // 1.5f
        }
        try (SafetensorsFile f = SafetensorsFile.open(file());
                NDManager manager = NDManager.newBaseManager()) {
            assertThat(f.floats("b")).containsExactly(0f, 1.5f);
            assertThat(f.read("b", manager).toFloatArray()).containsExactly(0f, 1.5f);
            assertThat(f.data("b").getFloat(4)).isEqualTo(1.5f);
            assertThatThrownBy(() -> f.data("a")).isInstanceOf(CheckpointFormatException.class);
            assertThatThrownBy(() -> f.longs("a"))
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining("a Java array holds at most");
            assertThatThrownBy(() -> f.read("a", manager)).isInstanceOf(IllegalArgumentException.class);
        }
    }
}
