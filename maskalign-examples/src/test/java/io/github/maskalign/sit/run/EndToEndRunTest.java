package io.github.maskalign.sit.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.config.ConfigException;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.encoders.vae.PatchAutoencoder;
import io.github.maskalign.sit.run.internal.RunPlan;
import io.github.maskalign.sit.weights.SiTWeights;
import io.github.maskalign.sit.weights.WeightsExport;
import io.github.maskalign.sit.weights.WeightsExport.Extra;
import io.github.maskalign.sit.weights.WeightsFamily;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** REPA-E on emoji: what its runs leave behind and draw with, in which ways they run, and what they refuse. */
class EndToEndRunTest {
    private static final List<String> TINY = List.of(
            "method=repa-e",
            "data.sets=[fxemoji]",
            "data.classes=[]",
            "model.hiddenSize=24",
            "model.numHeads=4",
            "train.steps=2",
            "train.globalBatch=4",
            "runtime.logEvery=1",
            "runtime.previewPictures=1",
            "optim.warmupSteps=0",
            "sample.steps=2");

    @TempDir
    Path root;

    @Test
    void samplesGoBackThroughTheAveragedNormAndTheTrainedAutoencoder() throws IOException {
        Path run = root.resolve("run");
        train(run);
        Path file = run.resolve("autoencoder/autoencoder-0000002.safetensors");
        SamplingRun sampling = SamplingRun.open(run).withPictures(1, 3);
        Path latents = sampling.latents(root.resolve("x.safetensors"));
        Path grid = sampling.grid(root.resolve("x.png"), 1);

        try (NDManager manager = NDManager.newBaseManager(Device.cpu());
                PatchAutoencoder trained = PatchAutoencoder.open(file, Device.cpu());
                PatchAutoencoder before = PatchAutoencoder.embedded(Device.cpu());
                SafetensorsFile snapshot = SafetensorsFile.open(run.resolve("snapshot-0000002.safetensors"));
                SafetensorsFile weights =
                        SafetensorsFile.open(run.resolve("checkpoints/state-0000002/weights.safetensors"));
                SafetensorsFile drawn = SafetensorsFile.open(latents)) {
            float[] averaged = snapshot.stateDict().get("bn.running_mean").floats();
            assertThat(averaged)
                    .isNotEqualTo(weights.stateDict().get("bn.running_mean").floats());
            assertThat(snapshot.stateDict().keys()).noneMatch(key -> key.startsWith("autoencoder"));
            assertThat(weights.stateDict().keys())
                    .contains("autoencoder.encoder.conv_in.weight", "discriminator.main.0.weight");
            float[] variance = snapshot.stateDict().get("bn.running_var").floats();
            NDArray z = drawn.stateDict().get("latents").read(manager); // (1, 4, 16, 16)
            for (int c = 0; c < 4; c++) {
                NDArray channel = z.get(":, " + c + ":" + (c + 1));
                z.set(
                        new NDIndex(":, " + c + ":" + (c + 1)),
                        channel.mul((float) Math.sqrt(variance[c] + 1e-4)).add(averaged[c]));
            }
            assertThat(differences(trained.decode(z), grid)).isLessThan(0.51); // to the nearest level
            assertThat(differences(before.decode(z), grid)).isGreaterThan(1);
        }
    }

    /** Largest distance of a picture in [−1, 1] from the bytes of a file, in levels. */
    private static double differences(NDArray picture, Path file) throws IOException {
        float[] expected = picture.toFloatArray();
        BufferedImage image = ImageIO.read(file.toFile());
        int pad = (image.getWidth() - 64) / 2;
        double most = 0;
        for (int y = 0; y < 64; y++) {
            for (int x = 0; x < 64; x++) {
                int rgb = image.getRGB(x + pad, y + pad);
                for (int c = 0; c < 3; c++) {
                    double level = Math.min(255, Math.max(0, 127.5 * (expected[(c * 64 + y) * 64 + x] + 1)));
                    most = Math.max(most, Math.abs(level - (rgb >> (16 - 8 * c) & 0xFF)));
                }
            }
        }
        return most;
    }

    @ParameterizedTest
    @ValueSource(strings = {"train.accumulation=2", "runtime.precision=BFLOAT16", "train.activationCheckpointing=1"})
    void itRunsInOtherWaysToo(String how) throws IOException {
        Path plain = root.resolve("plain");
        Path other = root.resolve("other");
        train(plain);
        assertThat(train(other, how)).isEqualTo(StopReason.COMPLETED);

        List<JsonObject> expected = steps(plain);
        List<JsonObject> found = steps(other);
        assertThat(found).hasSameSizeAs(expected);
        double tolerance = how.contains("BFLOAT16") ? 1e-2 : how.contains("accumulation") ? 0.2 : 1e-5;
        for (String part : List.of("loss/transformer", "loss/autoencoder", "loss/pixel")) {
            double e = expected.get(0).get(part).getAsDouble();
            assertThat(found.get(0).get(part).getAsDouble()).as(part).isCloseTo(e, within(tolerance * Math.abs(e)));
        }
    }

    @Test
    void theLogsHaveAllLossesAndNorms() throws IOException {
        Path run = root.resolve("run");
        train(run, "runtime.logEvery=2");

        List<JsonObject> steps = steps(run);
        assertThat(steps).hasSize(1);
        assertThat(steps.get(0).keySet())
                .contains(
                        "loss/velocity",
                        "loss/align",
                        "loss/transformer",
                        "loss/pixel",
                        "loss/kl",
                        "loss/gan",
                        "loss/discriminator",
                        "loss/autoencoder_align",
                        "loss/autoencoder",
                        "grad_norm",
                        "grad_norm/autoencoder",
                        "grad_norm/discriminator")
                .doesNotContain("loss/lpips");
    }

    /** LPIPS of a network with two channels in each layer; its files are part of what a run is. */
    @Test
    void lpipsIsThatOfItsFilesAndARunKeepsThem() throws IOException {
        Path vgg = root.resolve("vgg.safetensors");
        Path run = root.resolve("run");
        lpips(vgg, 0.3f, 2);
        String[] with = {"terms.endToEnd.vgg=" + vgg, "terms.endToEnd.lpips=" + vgg};

        train(run, with);
        assertThat(steps(run).get(0).get("loss/lpips").getAsDouble()).isGreaterThan(0);
        Files.move(vgg, root.resolve("moved.safetensors"));
        Path moved = root.resolve("moved.safetensors");
        String[] elsewhere = {"terms.endToEnd.vgg=" + moved, "terms.endToEnd.lpips=" + moved, "train.steps=3"};
        assertThat(train(run, elsewhere)).isEqualTo(StopReason.COMPLETED);
        lpips(moved, 0.4f, 2);
        assertThatThrownBy(() -> train(run, elsewhere)).hasMessageContaining("terms.endToEnd.weights");
        lpips(moved, 0.4f, 3);
        assertThatThrownBy(() -> train(root.resolve("bad"), elsewhere))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("features.2 must take 2 channels");
    }

    @Test
    void aDiscriminatorBeginsWithTheWeightsOfItsFile() throws IOException {
        Path fresh = root.resolve("fresh");
        train(fresh);
        Path file = root.resolve("discriminator.safetensors");
        Map<String, TensorSource> weights = new HashMap<>();
        try (SafetensorsFile state =
                SafetensorsFile.open(fresh.resolve("checkpoints/state-0000002/weights.safetensors"))) {
            for (String key : state.stateDict().keys()) {
                if (key.startsWith("discriminator.")) {
                    TensorSource tensor = state.stateDict().get(key);
                    weights.put(
                            key.substring("discriminator.".length()), TensorSource.of(tensor.shape(), tensor.floats()));
                }
            }
        }
        weights.put(
                "main.3.running_mean", TensorSource.of(new Shape(1), new float[] {7})); // as the original's file has
        SafetensorsWriter.write(file, StateDict.ofTensors(weights), Map.of());
        Path given = root.resolve("given");

        train(given, "terms.endToEnd.discriminator=" + file, "train.steps=1");

        JsonObject begun = steps(given).get(0);
        JsonObject without = steps(fresh).get(0);
        assertThat(begun.get("loss/pixel")).isEqualTo(without.get("loss/pixel"));
        assertThat(begun.get("loss/discriminator")).isNotEqualTo(without.get("loss/discriminator"));
        weights.remove("main.6.bias");
        Path less = root.resolve("less.safetensors");
        SafetensorsWriter.write(less, StateDict.ofTensors(weights), Map.of());
        assertThatThrownBy(() -> train(root.resolve("bad"), "terms.endToEnd.discriminator=" + less))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("main.6.bias");
    }

    private static void lpips(Path file, float value, int inSecond) throws IOException {
        Map<String, TensorSource> tensors = new HashMap<>();
        int in = 3;
        for (int n : new int[] {0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28}) {
            int takes = n == 2 ? inSecond : in;
            float[] kernel = new float[2 * takes * 9];
            for (int i = 0; i < kernel.length; i++) {
                kernel[i] = value * (i % 5 - 1) / 9;
            }
            tensors.put("features." + n + ".weight", TensorSource.of(new Shape(2, takes, 3, 3), kernel));
            tensors.put("features." + n + ".bias", TensorSource.of(new Shape(2), new float[] {0.1f, 0.2f}));
            in = 2;
        }
        for (int k = 0; k < 5; k++) {
            tensors.put("lin" + k + ".model.1.weight", TensorSource.of(new Shape(1, 2, 1, 1), new float[] {1, 1}));
        }
        Files.deleteIfExists(file);
        SafetensorsWriter.write(file, StateDict.ofTensors(tensors), Map.of());
    }

    @Test
    void itsWeightsAreAModelOfRepaAndOfRepaEsFamily() throws IOException {
        Path run = root.resolve("run");
        train(run);

        try (SiTWeights weights = SiTWeights.open(run)) {
            assertThat(weights.family()).isEqualTo(WeightsFamily.REPA_E);
            assertThat(weights.metadata()).containsKeys("latent_mean", "latent_std");
            assertThat(weights.tensors().keys()).noneMatch(key -> key.startsWith("bn."));
            WeightsExport export = WeightsExport.of(weights, WeightsFamily.REPA, Extra.REFUSE);
            assertThat(export.tensors().keys()).contains("projectors.0.0.weight", "final_layer.linear.weight");
            assertThat(export.metadata()).containsKey("latent_mean");
        }
    }

    @Test
    void anotherRunMayBeginWithItAndWithPlainWeights() throws IOException {
        Path repa = root.resolve("repa");
        TrainingRun.open(config("method=repa"), repa)
                .withCache(cache())
                .withVersion("test")
                .run();
        Path run = root.resolve("run");

        TrainingRun from = TrainingRun.open(config(), run)
                .withCache(cache())
                .withVersion("test")
                .withInitialWeights(repa, false);
        assertThat(from.run()).isEqualTo(StopReason.COMPLETED);
        TrainingRun again = TrainingRun.open(config(), root.resolve("again"))
                .withCache(cache())
                .withVersion("test")
                .withInitialWeights(run, false);
        assertThat(again.run()).isEqualTo(StopReason.COMPLETED);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            subset={placement: DROP, ratio: 0.25}   | subset.placement must be NONE and mixer.layers 0
            cls.enabled=true                        | cls.enabled must be false with terms.endToEnd
            align.schedule=AUTO                     | align.schedule must not be AUTO with terms.endToEnd
            terms.attention={blocks: [1], encoderBlocks: [1], schedule: AUTO} | terms.attention.schedule must not be AUTO
            terms.selfAlign={block: 1, teacherBlock: 2} | terms.selfAlign and terms.endToEnd exclude each other
            terms.endToEnd.vgg=vgg.pth              | terms.endToEnd.vgg and lpips go together
            terms.endToEnd={gan: 0, discriminator: d.pth} | terms.endToEnd.discriminator must be null with gan 0
            terms.endToEnd.momentum=0               | terms.endToEnd.momentum
            """)
    void whatDoesNotFitIsRefused(String setting, String complaint) {
        assertThatThrownBy(() -> RunPlan.model(config(setting).value()))
                .satisfies(e -> assertThat(e)
                        .isInstanceOfAny(IllegalArgumentException.class, ConfigException.class)
                        .hasMessageContaining(complaint));
    }

    @Test
    void pixelsHaveNoAutoencoderToTrain() {
        assertThatThrownBy(() -> ConfigBinder.bind(
                        Path.of("..", "configs", "emoji-32.yaml"), List.of("method=repa-e"), RunConfig.class))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("data.kind EMOJI with pixels as latents does not have");
    }

    @Test
    void theAutoencoderOfASnapshotHasToBeThere() throws IOException {
        Path run = root.resolve("run");
        train(run);
        Files.delete(run.resolve("autoencoder/autoencoder-0000002.safetensors"));

        assertThatThrownBy(() -> SamplingRun.open(run).grid(root.resolve("x.png"), 1))
                .hasMessageContaining("autoencoder-0000002.safetensors, the autoencoder that was trained along");
        train(run); // a complete run writes it again
        assertThat(run.resolve("autoencoder/autoencoder-0000002.safetensors")).isRegularFile();
    }

    private static List<JsonObject> steps(Path run) throws IOException {
        List<JsonObject> out = new ArrayList<>();
        for (String line : Files.readAllLines(run.resolve("stats.jsonl"))) {
            JsonObject step = JsonParser.parseString(line).getAsJsonObject();
            if (step.has("loss")) {
                out.add(step);
            }
        }
        return out;
    }

    private static Path cache() {
        return Path.of("target", "emoji-cache");
    }

    private static Bound<RunConfig> config(String... more) {
        List<String> overrides = Stream.concat(TINY.stream(), Stream.of(more)).toList();
        return ConfigBinder.bind(Path.of("..", "configs", "quickstart.yaml"), overrides, RunConfig.class);
    }

    private static StopReason train(Path folder, String... more) throws IOException {
        return TrainingRun.open(config(more), folder)
                .withCache(cache())
                .withVersion("test")
                .run();
    }
}
