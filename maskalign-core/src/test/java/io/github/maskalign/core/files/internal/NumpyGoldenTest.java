package io.github.maskalign.core.files.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.NpzFile;
import io.github.maskalign.core.files.NpzWriter;
import io.github.maskalign.core.files.TensorSource;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Files by NumPy are read value for value, and written byte for byte. */
class NumpyGoldenTest {
    @TempDir
    Path folder;

    static List<String> singleArrays() {
        return NumpyCases.arrays(".npy").stream().filter(n -> !n.contains(":")).toList();
    }

    static List<String> packedArrays() {
        return NumpyCases.arrays(":");
    }

    static List<String> same() {
        return NumpyCases.names("same");
    }

    static List<String> refused() {
        return NumpyCases.names("refused");
    }

    @ParameterizedTest
    @MethodSource("singleArrays")
    void npyFilesHoldWhatNumpyPutThere(String name) throws Exception {
        try (NpyFile file = NpyFile.open(fixture(name))) {
            assertThat(NumpyCases.describe(file.tensor())).isEqualTo(NumpyCases.expected(name));
        }
    }

    @ParameterizedTest
    @MethodSource("packedArrays")
    void npzFilesHoldWhatNumpyPutThere(String name) throws Exception {
        String[] parts = name.split(":", 2);
        try (NpzFile file = NpzFile.open(fixture(parts[0]))) {
            assertThat(NumpyCases.describe(file.tensor(parts[1]))).isEqualTo(NumpyCases.expected(name));
            assertThat(NumpyCases.describe(file.stateDict().get(parts[1]))).isEqualTo(NumpyCases.expected(name));
        }
    }

    @ParameterizedTest
    @MethodSource("same")
    void filesAreWrittenByteForByteAsNumpyDoes(String name) throws Exception {
        Path written = folder.resolve("written");
        if (name.endsWith(".npy")) {
            try (NpyFile file = NpyFile.open(fixture(name))) {
                NpyFile.write(written, file.tensor());
            }
        } else {
            try (NpzFile file = NpzFile.open(fixture(name))) {
                Map<String, TensorSource> tensors = new LinkedHashMap<>();
                for (String key : file.names()) {
                    tensors.put(key, file.tensor(key));
                }
                NpzWriter.write(written, tensors);
            }
        }

        assertThat(Files.readAllBytes(written)).isEqualTo(NumpyCases.file(name));
    }

    @ParameterizedTest
    @MethodSource("refused")
    void whatIsNoTensorIsRefused(String name) throws Exception {
        Path file = fixture(name);

        assertThatThrownBy(() -> NpyFile.open(file).close())
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageStartingWith(file + ": ");
    }

    @Test
    void theOrderOfArraysIsThatOfTheFile() throws Exception {
        try (NpzFile file = NpzFile.open(fixture("stored.npz"))) {
            assertThat(file.names()).containsExactly("arr_0", "mu", "n");
            assertThatThrownBy(() -> file.tensor("sigma"))
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageEndingWith("there is no array \"sigma\" among its 3");
        }
    }

    private Path fixture(String name) throws Exception {
        return Files.write(folder.resolve(name), NumpyCases.file(name));
    }
}
