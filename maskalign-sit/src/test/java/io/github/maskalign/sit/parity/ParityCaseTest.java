package io.github.maskalign.sit.parity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.io.CheckpointFormatException;
import io.github.maskalign.core.io.SafetensorsFile;
import io.github.maskalign.core.io.SafetensorsWriter;
import io.github.maskalign.core.io.StateDict;
import io.github.maskalign.core.io.TensorSource;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@Tag("bits")
class ParityCaseTest {
    @TempDir
    Path folder;

    static Stream<String> cases() {
        return GoldenCase.names(ParityCaseTest.class, "parity");
    }

    @ParameterizedTest
    @MethodSource("cases")
    void caseMatchesTheReference(String name) throws Exception {
        ParityResult result = ParityCase.check(file(name));

        assertThat(result.pass()).as(result.toString()).isTrue();
        assertThat(result.name()).isEqualTo(name);
        assertThat(result.maxGradError() == null).isEqualTo(name.startsWith("sit-official"));
    }

    @Test
    void changedWeightFails() throws Exception {
        Path changed = rewrite("sit-p2", Map.of(), "inputs/t", "inputs/x");

        ParityResult result = ParityCase.check(changed);

        assertThat(result.pass()).isFalse();
        assertThat(result.maxOutputError()).isGreaterThan(1e-3);
        assertThat(result.worstKey()).startsWith("outputs/");
    }

    @Test
    void foreignFilesAreNamed() throws Exception {
        assertThatThrownBy(() -> ParityCase.check(rewrite("sit-p2", Map.of("family", "unet"), "", "")))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("family must be one of")
                .hasMessageContaining("unet");
        assertThatThrownBy(() -> ParityCase.check(rewrite("sit-p2", Map.of("config", "{}"), "", "")))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("mixer_layers");
        assertThatThrownBy(() -> ParityCase.check(rewrite("sit-p2", Map.of("family", "reg"), "inputs/y", "")))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("inputs/y");
    }

    /** Copies a case with other metadata; {@code scaled} gets the values of {@code source} scaled, or is left out. */
    private Path rewrite(String name, Map<String, String> metadata, String scaled, String source) throws Exception {
        try (SafetensorsFile in = SafetensorsFile.open(file(name));
                ai.djl.ndarray.NDManager manager = ai.djl.ndarray.NDManager.newBaseManager()) {
            Map<String, TensorSource> tensors =
                    new LinkedHashMap<>(in.stateDict().tensors());
            tensors.remove(scaled);
            StateDict rest = StateDict.ofTensors(tensors);
            if (!source.isEmpty()) {
                rest = rest.plus(
                        StateDict.of(Map.of(scaled, in.read(scaled, manager).mul(0.5f))));
            }
            Map<String, String> all = new LinkedHashMap<>(in.metadata());
            all.putAll(metadata);
            Path out = folder.resolve("changed.safetensors");
            SafetensorsWriter.write(out, rest, all);
            return out;
        }
    }

    private static Path file(String name) throws IOException, URISyntaxException {
        return Path.of(ParityCaseTest.class
                .getResource("/golden/parity/" + name + ".safetensors")
                .toURI());
    }
}
