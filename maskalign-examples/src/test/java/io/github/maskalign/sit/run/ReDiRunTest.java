package io.github.maskalign.sit.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.config.ConfigException;
import io.github.maskalign.core.data.FeatureBasis;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.sit.weights.SiTWeights;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** ReDi on emoji: the basis of its features is made once, steps without features are told by their logs, its weights by the file. */
class ReDiRunTest {
    private static final List<String> TINY = List.of(
            "method=redi",
            "data.sets=[fxemoji]",
            "model.patchSize=4",
            "model.hiddenSize=24",
            "model.depth=2",
            "model.numHeads=4",
            "train.steps=8",
            "train.globalBatch=2",
            "runtime.logEvery=1",
            "runtime.previewPictures=1",
            "sample.steps=2");

    @TempDir
    Path root;

    @Test
    void theBasisIsMadeOnceAndAgainWhereItIsDamaged() throws IOException {
        Path cache = root.resolve("cache");
        assertThat(train(root.resolve("a"), cache, List.of())).isEqualTo(StopReason.COMPLETED);
        Path file = basis(cache);
        FeatureBasis made = FeatureBasis.read(file);
        Object written = Files.getLastModifiedTime(file);

        train(root.resolve("b"), cache, List.of());
        assertThat(Files.getLastModifiedTime(file)).isEqualTo(written);
        Files.write(file, new byte[] {1, 2, 3});
        train(root.resolve("c"), cache, List.of());

        assertThat(made.channels()).isEqualTo(8);
        assertThat(made.width()).isEqualTo(128);
        assertThat(Double.parseDouble(made.facts().get("variance_kept"))).isBetween(0.3, 1.0);
        assertThat(FeatureBasis.read(file).identity()).isEqualTo(made.identity());
        assertThat(Digests.sha256(root.resolve("c/snapshot-0000008.safetensors")))
                .isEqualTo(Digests.sha256(root.resolve("a/snapshot-0000008.safetensors")));
    }

    @Test
    void theWeightsAreThoseOfTheProjectsNamesAndKnowTheirGroups() throws IOException {
        train(root.resolve("a"), Path.of("target", "emoji-cache"), List.of());

        try (SiTWeights weights = SiTWeights.open(root.resolve("a"))) {
            assertThat(weights.config().model().inChannels()).isEqualTo(11);
            assertThat(weights.config().latentChannels()).isEqualTo(3);
            assertThat(weights.config().featureChannels()).isEqualTo(8);
            assertThat(weights.tensors().keys())
                    .contains("x_embedder.proj.weight", "final_layer.linear.weight")
                    .noneMatch(key -> key.startsWith("projector"));
        }
    }

    /** 8 steps with drop 0.9 and 0: a step without features has no such loss. */
    @ParameterizedTest
    @ValueSource(strings = {"0.9", "0.0"})
    void aStepWithoutFeaturesHasNoSuchLoss(String drop) throws IOException {
        Path folder = root.resolve("run");
        train(folder, Path.of("target", "emoji-cache"), List.of("terms.features.drop=" + drop));

        List<String> steps;
        try (Stream<String> lines = Files.lines(folder.resolve("stats.jsonl"))) {
            steps = lines.filter(line -> line.contains("\"loss/velocity\"")).toList();
        }
        long with = steps.stream()
                .filter(line -> line.contains("\"loss/features\""))
                .count();
        assertThat(steps).hasSize(8);
        if (drop.equals("0.0")) {
            assertThat(with).isEqualTo(8);
        } else {
            assertThat(with).isLessThan(5); // 8 · 0.1 on average; the draws are fixed
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"NO_FEATURES", "NULL_LABEL"})
    void guidanceIsRefusedOrTakenByWhatTheModelHas(String unconditional) {
        List<String> keys = List.of("sample.cfgScale=1.5", "sample.unconditional=" + unconditional);
        assertThat(config(keys).value().sample().guidance().unconditional()).hasToString(unconditional);

        List<String> sit = new ArrayList<>(keys);
        sit.add("method=sit");
        if (unconditional.equals("NO_FEATURES")) {
            assertThatThrownBy(() -> config(sit))
                    .isInstanceOf(ConfigException.class)
                    .hasMessageContaining("sample.unconditional must be NULL_LABEL without terms.features");
        } else {
            assertThat(config(sit).value().method().terms().features()).isEmpty();
        }
    }

    @Test
    void previewsAreDrawnWithoutFeatures() throws IOException {
        Path folder = root.resolve("run");
        train(
                folder,
                Path.of("target", "emoji-cache"),
                List.of("train.steps=2", "sample.cfgScale=1.5", "sample.unconditional=NO_FEATURES"));

        assertThat(folder.resolve("samples.png")).exists();
        Path latents = SamplingRun.open(folder).withPictures(2, 0).latents(root.resolve("x.safetensors"));
        try (SafetensorsFile file = SafetensorsFile.open(latents)) {
            assertThat(file.stateDict().get("latents").shape()).isEqualTo(new Shape(2, 3, 32, 32));
        }
    }

    private static Path basis(Path cache) throws IOException {
        try (Stream<Path> files = Files.list(cache)) {
            return files.filter(file -> file.getFileName().toString().startsWith("emoji-features-"))
                    .findFirst()
                    .orElseThrow();
        }
    }

    private static Bound<RunConfig> config(List<String> more) {
        List<String> overrides = Stream.concat(TINY.stream(), more.stream()).toList();
        return ConfigBinder.bind(Path.of("..", "configs", "emoji-32.yaml"), overrides, RunConfig.class);
    }

    private static StopReason train(Path folder, Path cache, List<String> more) throws IOException {
        return TrainingRun.open(config(more), folder)
                .withCache(cache)
                .withVersion("test")
                .run();
    }
}
