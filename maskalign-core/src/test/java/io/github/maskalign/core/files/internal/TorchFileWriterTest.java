package io.github.maskalign.core.files.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TorchFileWriterTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"types-2.3", "newest-current", "views-current", "bare-2.3"})
    void whatIsWrittenIsReadToTheBit(String name) throws Exception {
        Path copy = folder.resolve("copy.pt");
        try (TorchFile file = TorchFile.open(Samples.path(name + ".pt"))) {
            TorchFileWriter.write(copy, file.stateDict());
            try (TorchFile again = TorchFile.open(copy)) {
                assertThat(again.sections()).containsExactly("");
                requireEqual(again.stateDict(), file.stateDict());
            }
        }
    }

    @Test
    void nestedContentKeepsItsShape() throws Exception {
        StateDict state = StateDict.ofTensors(Map.of("w", TensorSource.of(new Shape(2, 3), new float[6])));
        Map<String, Object> content = new LinkedHashMap<>();
        content.put("model", state);
        content.put("opt", Map.of("state", Map.of(0, Map.of("step", TensorSource.of(new Shape(), new long[] {7})))));
        content.put("steps", 400_000);
        content.put("seed", Long.MIN_VALUE);
        content.put("lr", 1e-4);
        content.put("name", "é 漢 😀");
        content.put("done", true);
        content.put("list", List.of(1, "two"));
        content.put("empty", Map.of());
        Path file = folder.resolve("nested.pt");

        TorchFileWriter.write(file, content);

        try (TorchFile read = TorchFile.open(file)) {
            assertThat(read.sections()).containsExactly("model", "opt.state");
            requireEqual(read.stateDict("model"), state);
            assertThat(read.stateDict("opt.state").get("0.step").longs()).containsExactly(7);
            assertThat(read.metadata())
                    .containsExactly(
                            Map.entry("steps", "400000"),
                            Map.entry("seed", "-9223372036854775808"),
                            Map.entry("lr", "1.0E-4"),
                            Map.entry("name", "é 漢 😀"),
                            Map.entry("done", "true"));
            TorchValue.Dict root = (TorchValue.Dict) read.root();
            assertThat(((TorchValue.Sequence) root.get("list").orElseThrow()).items())
                    .hasSize(2)
                    .last()
                    .isEqualTo(new TorchValue.Text("two"));
        }
    }

    @Test
    void manyTensorsAreWrittenInBatches() throws Exception {
        Map<String, TensorSource> many = new LinkedHashMap<>();
        for (int i = 0; i < 2_001; i++) {
            many.put("w" + i, TensorSource.of(new Shape(1), new float[] {i}));
        }
        Path file = folder.resolve("many.pt");

        TorchFileWriter.write(file, StateDict.ofTensors(many));

        try (TorchFile read = TorchFile.open(file)) {
            assertThat(read.stateDict().keys()).containsExactlyElementsOf(many.keySet());
            assertThat(read.stateDict().get("w2000").floats()).containsExactly(2000);
        }
    }

    @Test
    void javaOpensTheZipAndFindsTheChecksums() throws Exception {
        Path file = folder.resolve("zip.pt");
        TorchFileWriter.write(file, StateDict.ofTensors(Map.of("w", TensorSource.of(new Shape(3), new float[3]))));

        try (ZipFile zip = new ZipFile(file.toFile())) {
            assertThat(zip.stream().map(ZipEntry::getName))
                    .containsExactly("archive/data.pkl", "archive/byteorder", "archive/data/0", "archive/version");
            for (ZipEntry entry : zip.stream().toList()) {
                CRC32 crc = new CRC32();
                crc.update(zip.getInputStream(entry).readAllBytes());
                assertThat(entry.getCrc()).isEqualTo(crc.getValue());
            }
        }
    }

    @Test
    void storagesBeginAtMultiplesOf64() throws Exception {
        Map<String, TensorSource> tensors = new LinkedHashMap<>();
        for (int i = 0; i < 9; i++) {
            tensors.put("w".repeat(i + 1), TensorSource.of(new Shape(i), new float[i]));
        }
        Path file = folder.resolve("aligned.pt");
        TorchFileWriter.write(file, StateDict.ofTensors(tensors));

        try (TorchArchive archive = TorchArchive.open(file)) {
            for (int i = 0; i < 9; i++) {
                assertThat(java.util.Objects.requireNonNull(archive.entry("data/" + i))
                                        .begin()
                                % 64)
                        .isZero();
            }
        }
    }

    @Test
    void sameContentGivesTheSameBytes() throws Exception {
        Path one = folder.resolve("one.pt");
        Path two = folder.resolve("two.pt");
        StateDict state = StateDict.ofTensors(Map.of("w", TensorSource.of(new Shape(3), new float[3])));

        TorchFileWriter.write(one, state);
        TorchFileWriter.write(two, state);

        assertThat(one).hasSameBinaryContentAs(two);
    }

    @Test
    void checkpointGoesToSafetensorsAndBack() throws Exception {
        Path flat = folder.resolve("flat.safetensors");
        Path back = folder.resolve("back.pt");
        try (TorchFile file = TorchFile.open(Samples.path("views-2.3.pt"))) {
            SafetensorsWriter.write(flat, file.stateDict(), Map.of());
            try (SafetensorsFile middle = SafetensorsFile.open(flat)) {
                TorchFileWriter.write(back, middle.stateDict());
            }
            try (TorchFile end = TorchFile.open(back)) {
                for (String key : file.stateDict().keys()) {
                    assertThat(Samples.bytes(end.stateDict().get(key)))
                            .as(key)
                            .isEqualTo(Samples.bytes(file.stateDict().get(key)));
                }
            }
        }
    }

    @Test
    void whatPyTorchLacksIsRefusedBeforeTheFileIsTouched() throws Exception {
        Path file = Files.writeString(folder.resolve("kept.pt"), "old");
        TensorSource tiny = new TensorSource() {
            @Override
            public TensorType type() {
                return TensorType.F4;
            }

            @Override
            public Shape shape() {
                return new Shape(2);
            }

            @Override
            public void sendTo(Sink sink) throws IOException {
                sink.accept(ByteBuffer.allocate(1));
            }
        };

        assertThatThrownBy(() -> TorchFileWriter.write(file, StateDict.ofTensors(Map.of("w", tiny))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("has type F4, which PyTorch lacks");
        assertThatThrownBy(() -> TorchFileWriter.write(file, Map.of("file", folder)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("was given a ");
        assertThatThrownBy(() -> TorchFileWriter.write(file, Map.of("half", "\ud800")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("half a surrogate pair");
        assertThatThrownBy(() -> TorchFileWriter.write(file, Map.of("keys", Map.of(1.5, 1))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("must be a String or an Integer");
        assertThat(file).hasContent("old");
        assertThat(folder).isDirectoryNotContaining("glob:**tmp*");
    }

    private static void requireEqual(StateDict found, StateDict expected) throws IOException {
        assertThat(found.keys()).containsExactlyElementsOf(expected.keys());
        assertThat(found.shapes()).isEqualTo(expected.shapes());
        for (String key : expected.keys()) {
            assertThat(found.get(key).type())
                    .as(key)
                    .isEqualTo(expected.get(key).type());
            assertThat(Samples.bytes(found.get(key))).as(key).isEqualTo(Samples.bytes(expected.get(key)));
        }
    }
}
