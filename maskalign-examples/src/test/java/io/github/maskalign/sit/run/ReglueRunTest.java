package io.github.maskalign.sit.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.config.ConfigException;
import io.github.maskalign.core.data.FeatureBasis;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.sit.LossTerms.Features;
import io.github.maskalign.sit.run.internal.EncoderChoice;
import io.github.maskalign.sit.run.internal.RunPlan;
import io.github.maskalign.sit.weights.SiTWeights;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** REGLUE on emoji: features by a compressor of the teacher's joined tokens, whose weight in the loss changes at steps. */
class ReglueRunTest {
    private static final List<String> TINY = List.of(
            "method=reglue",
            "data.sets=[fxemoji]",
            "model.patchSize=4",
            "model.hiddenSize=24",
            "model.depth=4",
            "model.numHeads=4",
            "train.steps=4",
            "train.globalBatch=2",
            "train.saveEvery=1",
            "runtime.logEvery=1",
            "runtime.previewPictures=1",
            "sample.steps=2",
            "terms.features.factorSteps=[2, 3]",
            "terms.features.factors=[0.5, 0.0]");

    @TempDir
    Path root;

    @Test
    void aCompressorMakesTheFeaturesAndARunGoesOnToTheBitWhereverItsFileLies() throws IOException {
        Path file = compressor("a.safetensors", 4 * 128, 1);
        String reduction = "terms.features.reduction=" + file;
        Path whole = root.resolve("whole");
        assertThat(train(whole, List.of(reduction))).isEqualTo(StopReason.COMPLETED);

        Path stopped = root.resolve("stopped");
        train(stopped, List.of(reduction, "train.steps=2"));
        Path moved = root.resolve("moved.safetensors");
        Files.copy(file, moved);
        train(stopped, List.of("terms.features.reduction=" + moved));

        assertThat(snapshot(stopped)).isEqualTo(snapshot(whole));
        assertThat(Files.readString(whole.resolve("config.yaml")))
                .contains("factorSteps: [2, 3]")
                .contains("factors: [0.5, 0.0]")
                .contains("lastBlocks: 4");
        assertThatThrownBy(() -> train(
                        stopped,
                        List.of(
                                "terms.features.reduction=" + compressor("b.safetensors", 4 * 128, 2),
                                "train.steps=5")))
                .hasMessageContaining("features "
                        + FeatureBasis.read(root.resolve("b.safetensors")).identity());
        assertThatThrownBy(() -> train(stopped, List.of(reduction, "terms.features.factors=[0.5, 0.25]")))
                .hasMessageContaining("terms.features.factors");
        // without the file: principal components, which are other features
        Path components = root.resolve("components");
        train(components, List.of());
        assertThat(snapshot(components)).isNotEqualTo(snapshot(whole));
        try (SiTWeights weights = SiTWeights.open(whole)) {
            assertThat(weights.config().model().inChannels()).isEqualTo(3 + 16);
            assertThat(weights.config().featureChannels()).isEqualTo(16);
            assertThat(weights.config().classTokenWidth()).isEqualTo(128);
            assertThat(weights.config().encoderWidths()).containsExactly(128);
        }
    }

    /** With factor 0 the term is off; total = velocity + β class + λ align + factor features. */
    @Test
    void theWeightOfTheFeaturesChangesAtItsSteps() throws IOException {
        Path folder = root.resolve("run");
        train(folder, List.of("terms.features.reduction=" + compressor("a.safetensors", 4 * 128, 1)));

        List<String> steps;
        try (Stream<String> lines = Files.lines(folder.resolve("stats.jsonl"))) {
            steps = lines.filter(line -> line.contains("\"loss/velocity\"")).toList();
        }
        assertThat(steps).hasSize(4);
        double[] factors = {1, 1, 0.5, 0};
        for (int i = 0; i < 4; i++) {
            double features = factors[i] == 0 ? 0 : number(steps.get(i), "loss/features");
            double expected = number(steps.get(i), "loss/velocity")
                    + 0.03 * number(steps.get(i), "loss/class")
                    + 0.5 * number(steps.get(i), "loss/align")
                    + factors[i] * features;
            assertThat(number(steps.get(i), "loss"))
                    .as(steps.get(i))
                    .isCloseTo(expected, org.assertj.core.api.Assertions.within(1e-4)); // four rounded numbers
        }
        assertThat(steps.get(3)).doesNotContain("loss/features");
    }

    @Test
    void whatDoesNotGoTogetherIsRefusedBeforeTheFirstStep() throws IOException {
        Path narrow = compressor("narrow.safetensors", 128, 1);
        assertThatThrownBy(() -> train(root.resolve("a"), List.of("terms.features.reduction=" + narrow)))
                .hasMessageContaining("of tokens of width 512 are not in the data's basis, which has 16 channels of"
                        + " tokens of width 128");
        Path right = compressor("right.safetensors", 4 * 128, 1);
        assertThatThrownBy(() -> train(
                        root.resolve("b"), List.of("terms.features.reduction=" + right, "terms.features.channels=8")))
                .hasMessageContaining("the compressor makes 16 channels, all of which are needed, but 8");
        assertThatThrownBy(() -> train(root.resolve("c"), List.of("terms.features.lastBlocks=7")))
                .hasMessageContaining(
                        "terms.features.lastBlocks must be at most 6 with encoder.kind EMBEDDED but was 7");
        assertThatThrownBy(() -> config(List.of("terms.features.factors=[0.5]")))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("factors must hold one number for each of factorSteps [2, 3] but were [0.5]");
        assertThatThrownBy(() -> train(root.resolve("d"), List.of("terms.features.reduction=no.safetensors")))
                .hasMessageContaining("no.safetensors");
        assertThat(root.resolve("a/checkpoints/state-0000001")).doesNotExist();
    }

    /** Runs of ReDi from before these keys have the settings that they had. */
    @Test
    void theKeysAreLeftOutOfARunsSettingsWhereTheyAreAsBefore() {
        List<String> redi = List.of("method=redi", "terms.features.factorSteps=[]", "terms.features.factors=[]");

        assertThat(RunPlan.settings(config(redi).value()).keySet())
                .contains("terms.features.drop")
                .doesNotContain(
                        "terms.features.factorSteps",
                        "terms.features.factors",
                        "terms.features.lastBlocks",
                        "terms.features.reduction");
        assertThat(RunPlan.settings(config(List.of()).value()))
                .containsEntry("terms.features.lastBlocks", "4")
                .containsEntry("terms.features.factors", "[0.5, 0.0]");
    }

    @Test
    void publishedSizesHaveThePublishedWeightsAndAnEncoderWithEarlierBlocks() {
        for (String size : List.of("b", "l", "xl")) {
            RunConfig config = ConfigBinder.bind(
                            Path.of("..", "configs", "imagenet-sit-" + size + "-2.yaml"),
                            List.of("method=reglue"),
                            RunConfig.class)
                    .value();
            Features features = config.method().terms().features().orElseThrow();
            boolean extraLarge = size.equals("xl");

            assertThat(features.channels()).isEqualTo(16);
            assertThat(features.drop()).isZero();
            assertThat(features.coeff() * features.stages().at(249_999)).isEqualTo(1);
            assertThat(features.stages().at(250_000)).isEqualTo(extraLarge ? 0.5 : 1);
            assertThat(features.stages().at(500_000)).isEqualTo(extraLarge ? 0.25 : 1);
            assertThat(config.cls().beta()).isEqualTo(0.03);
            assertThat(config.align().coeff()).isEqualTo(0.5);
            assertThat(config.align().depth()).isEqualTo(size.equals("b") ? 4 : 8);
            assertThat(config.encoder().model()).isEqualTo("dinov2reg-vit-b");
            EncoderChoice.requireFits(config, RunPlan.model(config), 256);
            RunConfig script = ConfigBinder.bind(
                            Path.of("..", "configs", "imagenet-sit-" + size + "-2.yaml"),
                            List.of("method=reglue", "encoder.kind=TORCHSCRIPT"),
                            RunConfig.class)
                    .value();
            assertThatThrownBy(() -> EncoderChoice.requireFits(script, RunPlan.model(script), 256))
                    .hasMessageContaining(
                            "terms.features.lastBlocks must be at most 1 with encoder.kind TORCHSCRIPT but" + " was 4");
        }
    }

    private static double number(String line, String key) {
        Matcher found = Pattern.compile("\"" + key + "\":\\s*([-0-9.eE]+)").matcher(line);
        assertThat(found.find()).as("%s in %s", key, line).isTrue();
        return Double.parseDouble(found.group(1));
    }

    private static String snapshot(Path folder) throws IOException {
        return Digests.sha256(folder.resolve("snapshot-0000004.safetensors"));
    }

    /** A compressor of drawn numbers. */
    private Path compressor(String name, int width, long seed) throws IOException {
        int hidden = 6;
        int channels = 16;
        Map<String, Shape> shapes = new TreeMap<>();
        shapes.put("mean", new Shape(width));
        shapes.put("std", new Shape(width));
        shapes.put("encoder.model.0.weight", new Shape(hidden, width, 3, 3));
        shapes.put("encoder.model.0.bias", new Shape(hidden));
        for (String i : List.of("1", "2")) {
            shapes.put("encoder.model.1.conv" + i + ".weight", new Shape(hidden, hidden, 3, 3));
            for (String key :
                    List.of("conv%s.bias", "bn%s.weight", "bn%s.bias", "bn%s.running_mean", "bn%s.running_var")) {
                shapes.put("encoder.model.1." + key.replace("%s", i), new Shape(hidden));
            }
        }
        shapes.put("encoder.model.2.weight", new Shape(channels, hidden, 3, 3));
        shapes.put("encoder.model.2.bias", new Shape(channels));
        SplittableRandom random = new SplittableRandom(seed);
        Map<String, TensorSource> tensors = new TreeMap<>();
        shapes.forEach((key, shape) -> {
            float[] values = new float[Math.toIntExact(shape.size())];
            if (key.equals("std") || key.endsWith("running_var")) {
                Arrays.fill(values, 1);
            } else {
                for (int i = 0; i < values.length; i++) {
                    values[i] = (float) (random.nextGaussian() / Math.sqrt(shape.size() / (double) shape.get(0)));
                }
            }
            tensors.put(key, TensorSource.of(shape, values));
        });
        Path file = root.resolve(name);
        SafetensorsWriter.write(file, StateDict.ofTensors(tensors), Map.of());
        return file;
    }

    private static Bound<RunConfig> config(List<String> more) {
        List<String> overrides = Stream.concat(TINY.stream(), more.stream()).toList();
        return ConfigBinder.bind(Path.of("..", "configs", "emoji-32.yaml"), overrides, RunConfig.class);
    }

    private static StopReason train(Path folder, List<String> more) throws IOException {
        return TrainingRun.open(config(more), folder)
                .withCache(Path.of("target", "emoji-cache"))
                .withVersion("test")
                .run();
    }
}
