package io.github.maskalign.sit.parity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.sit.parity.ParityCase.ParityResult;
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
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

@Tag("bits")
class ParityCaseTest {
    @TempDir
    Path folder;

    static Stream<String> cases() {
        return GoldenCase.names(ParityCaseTest.class, "parity");
    }

    static Stream<String> casesThatNameMore() {
        return GoldenCase.names(ParityCaseTest.class, "parity_config");
    }

    @ParameterizedTest
    @MethodSource("cases")
    void caseMatchesTheReference(String name) throws Exception {
        ParityResult result = ParityCase.check(file(name));

        assertThat(result.pass()).as(result.toString()).isTrue();
        assertThat(result.name()).isEqualTo(name);
        assertThat(result.maxGradError() == null).isEqualTo(name.startsWith("sit-official"));
    }

    @ParameterizedTest
    @MethodSource("casesThatNameMore")
    void partsAreTheFamilysWhateverTheConfigNames(String name) throws Exception {
        ParityResult result = ParityCase.check(file("parity_config", name));

        assertThat(result.pass()).as(result.toString()).isTrue();
    }

    static Stream<String> otherKinds() {
        return GoldenCase.names(ParityCaseTest.class, "parity_kinds");
    }

    @ParameterizedTest
    @MethodSource("otherKinds")
    void lossesStepsAndSamplesMatchTheReference(String name) throws Exception {
        ParityResult result = ParityCase.check(file("parity_kinds", name));

        assertThat(result.pass()).as(result.toString()).isTrue();
        assertThat(result.maxGradError() != null).isEqualTo(name.startsWith("loss"));
    }

    /** One setting or tensor of another value: what the case compares must show it. */
    @ParameterizedTest
    @CsvSource({
        "loss-maskalign, beta, 0.05, grads/final_layer.linear_cls.*",
        "loss-maskalign, lambda, 1.0, grads/projectors.*",
        "loss-repa-cosine, path, linear, outputs/.*|grads/.*",
        "train-maskalign, lr, 1.1e-3, after/.*|step.*",
        "train-maskalign, decay, 0.8, ema/.*",
        "train-repa-cosine, clip, 10, after/.*|step.*",
        "train-maskalign, wd, 0, after/.*|step.*",
        "sample-reg-sde, cls_cfg, 0, outputs/.*",
        "sample-reg-sde, high, 0.3, outputs/.*",
        "sample-repa-heun-cosine, method, EULER, outputs/x",
        "sample-reg-sde, diffusion, SIGMA, outputs/.*",
        "sample-maskalign-sde, cfg, 1.0, outputs/.*",
    })
    void aChangedSettingFails(String name, String key, String value, String worst) throws Exception {
        ParityResult result = ParityCase.check(rewrite("parity_kinds", name, Map.of(key, value), "", ""));

        assertThat(result.pass()).isFalse();
        assertThat(result.worstKey()).matches(worst);
    }

    @Test
    void wrongSettingsAreNamed() throws Exception {
        assertThatThrownBy(() -> ParityCase.check(rewrite("sit-p2", Map.of("kind", "dream"), "", "")))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("kind must be loss, train, sample, preprocess or missing but was dream");
        assertThatThrownBy(() ->
                        ParityCase.check(rewrite("parity_kinds", "sample-reg-sde", Map.of("method", "LEAP"), "", "")))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining(
                        "metadata method must be one of [EULER, HEUN, EULER_MARUYAMA, DDPM, DDIM] but was LEAP");
        assertThatThrownBy(() ->
                        ParityCase.check(rewrite("parity_kinds", "train-maskalign", Map.of("lr", "fast"), "", "")))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("metadata lr must be a number but was fast");
        assertThatThrownBy(() -> ParityCase.check(rewrite("parity_kinds", "loss-reg", Map.of(), "inputs/clean", "")))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("there is no tensor inputs/clean");
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
        return rewrite("parity", name, metadata, scaled, source);
    }

    private Path rewrite(String topic, String name, Map<String, String> metadata, String scaled, String source)
            throws Exception {
        try (SafetensorsFile in = SafetensorsFile.open(file(topic, name));
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
        return file("parity", name);
    }

    private static Path file(String topic, String name) throws IOException, URISyntaxException {
        return Path.of(ParityCaseTest.class
                .getResource("/golden/" + topic + "/" + name + ".safetensors")
                .toURI());
    }
}
