package io.github.maskalign.core.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.internal.TorchFile;
import io.github.maskalign.core.files.internal.TorchFileWriter;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Files are told apart by what is in them, and what is no file of weights is named. */
class WeightsFileTest {
    private static final StateDict STATE =
            StateDict.ofTensors(Map.of("w", TensorSource.of(new Shape(2), new float[] {1, 2})));

    @TempDir
    Path folder;

    @Test
    void safetensorsOpensUnderAnyName() throws Exception {
        Path file = folder.resolve("misnamed.pt");
        SafetensorsWriter.write(file, STATE, Map.of("family", "sit"));

        try (WeightsFile weights = WeightsFile.open(file)) {
            assertThat(weights.format()).isEqualTo("safetensors");
            assertThat(weights.path()).isEqualTo(file);
            assertThat(weights.sections()).containsExactly("");
            assertThat(weights.metadata()).containsExactly(Map.entry("family", "sit"));
            assertThat(weights.stateDict().get("w").floats()).containsExactly(1, 2);
            assertThatThrownBy(() -> weights.stateDict("ema"))
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageEndingWith("there is no state dict \"ema\"; there are \"\"");
        }
        assertThatThrownBy(() -> TorchFile.open(file)).hasMessageContaining("but a safetensors file");
    }

    @Test
    void checkpointOpensUnderAnyName() throws Exception {
        Path file = folder.resolve("misnamed.safetensors");
        TorchFileWriter.write(file, Map.of("ema", STATE, "steps", 7));

        try (WeightsFile weights = WeightsFile.open(file)) {
            assertThat(weights.format()).isEqualTo("PyTorch checkpoint");
            assertThat(weights.sections()).containsExactly("ema");
            assertThat(weights.metadata()).containsExactly(Map.entry("steps", "7"));
            assertThat(weights.stateDict().get("w").floats()).containsExactly(1, 2);
        }
    }

    @Test
    void indexOpensAllItsFiles() throws Exception {
        SafetensorsWriter.write(folder.resolve("m-1.safetensors"), STATE, Map.of());
        SafetensorsWriter.write(
                folder.resolve("m-2.safetensors"),
                StateDict.ofTensors(Map.of("b", TensorSource.of(new Shape(1), new long[] {3}))),
                Map.of());
        Path index = Files.writeString(folder.resolve("m.safetensors.index.json"), """
                {"metadata": {"total_size": 16, "note": "n"},
                 "weight_map": {"w": "m-1.safetensors", "b": "m-2.safetensors"}}
                """);

        try (WeightsFile weights = WeightsFile.open(index)) {
            assertThat(weights.format()).isEqualTo("sharded safetensors");
            assertThat(weights.metadata()).containsEntry("total_size", "16").containsEntry("note", "n");
            assertThat(weights.stateDict().keys()).containsExactly("w", "b");
            assertThat(weights.stateDict("").get("b").longs()).containsExactly(3);
        }
    }

    static Stream<Arguments> others() throws Exception {
        ByteArrayOutputStream gzip = new ByteArrayOutputStream();
        try (GZIPOutputStream out = new GZIPOutputStream(gzip)) {
            out.write(1);
        }
        byte[] tar = new byte[1024];
        System.arraycopy("ustar".getBytes(StandardCharsets.US_ASCII), 0, tar, 257, 5);
        return Stream.of(
                Arguments.of("nothing", new byte[0], "is empty"),
                Arguments.of("gzip", gzip.toByteArray(), "compressed archive; unpack it"),
                Arguments.of("7z", latin1("7z\u00bc\u00af\u0027\u001c\0\4"), "compressed archive; unpack it"),
                Arguments.of("tar", tar, "is a tar archive"),
                Arguments.of("tar with the way out", tar, "weights_only=False"),
                Arguments.of("pickle", latin1("\u0080\u0004N."), "is a bare pickle"),
                Arguments.of("pickle of a number", latin1("\u0080\2\u008a\1\7."), "is a bare pickle"),
                Arguments.of(
                        "pickle of nearly PyTorch's number",
                        latin1("\u0080\2\u008a\nl\u00fc\u009cF\u00f9 j\u00a8P\u0018."),
                        "pickle.load(open('OLD', 'rb'))"),
                Arguments.of(
                        "PyTorch's number and no more",
                        latin1("\u0080\2\u008a\nl\u00fc\u009cF\u00f9 j\u00a8P\u0019."),
                        "byte 15: a length of 1 is more than the 0 bytes left: the file was cut off"),
                Arguments.of("LFS", latin1("version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"),
                Arguments.of("HTML", latin1("<!DOCTYPE html><html>"), "the download went wrong"),
                Arguments.of("HDF5", latin1("\u0089HDF\r\n\u001a\n"), "HDF5"),
                Arguments.of("text", latin1("weights"), "starts with the bytes 77 65 69 67 68 74 73"),
                Arguments.of("NumPy", latin1("\u0093NUMPY\1\0"), "starts with the bytes 93 4e 55"),
                Arguments.of("a zip that is none", latin1("PK\3\4"), "does not end as one"),
                Arguments.of("an empty zip", latin1("PK\5\6" + "\0".repeat(18)), "no entry \"version\""));
    }

    private static byte[] latin1(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("others")
    void whatIsNoFileOfWeightsIsNamed(String what, byte[] content, String reason) throws Exception {
        Path file = Files.write(folder.resolve("weights.pt"), content);

        assertThatThrownBy(() -> WeightsFile.open(file))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageStartingWith(file + ": ")
                .hasMessageContaining(reason);
    }

    @Test
    void folderAndMissingFileAreNamed() {
        assertThatThrownBy(() -> WeightsFile.open(folder))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("is a folder; name a file in it");
        assertThatThrownBy(() -> WeightsFile.open(folder.resolve("none.pt"))).isInstanceOf(NoSuchFileException.class);
    }
}
