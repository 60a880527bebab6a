package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.config.ConfigException;
import io.github.maskalign.core.data.internal.PreparedStore.PreparedSample;
import io.github.maskalign.core.data.internal.SampleLayout;
import io.github.maskalign.core.data.internal.SampleLayout.FloatCode;
import io.github.maskalign.core.data.internal.ShardBuilder;
import io.github.maskalign.core.data.internal.ShardIndex;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.encoders.vae.NativeAutoencoder;
import io.github.maskalign.encoders.vae.VaeConfig;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.TrainingRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Pictures and scores of a run on latents, by a small autoencoder of the real architecture with random weights. */
class LatentPicturesTest {
    private static final int PICTURE = 64; // 8 x 8 latents

    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(doubles = {0.18215, 0.5}) // what the autoencoder says, and something else
    void aRunDrawsWhatTheCommandSampleDraws(double scale) throws Exception {
        Path set = prepare(PICTURE);
        Path vae = autoencoder(4);
        Path run = train(
                "run",
                set,
                "data.scale=" + scale,
                "data.vae=" + vae,
                "runtime.previewEvery=1",
                "runtime.previewScale=2");

        assertThat(Main.run(
                        Main.commandLine(),
                        "sample",
                        run.toString(),
                        "--num=5",
                        "--batch=36",
                        "--labels=0,1,2",
                        "--vae=" + vae,
                        "--scale=2",
                        "--out=" + folder.resolve("command.png")))
                .isZero();

        assertThat(run.resolve("samples.png")).hasSameBinaryContentAs(folder.resolve("command.png"));
        assertThat(run.resolve("samples-0000001.png")).exists();
        assertThat(ImageIO.read(run.resolve("samples.png").toFile()).getWidth()).isEqualTo(3 * (2 * PICTURE + 4) + 4);
    }

    @Test
    void aRunWithoutAFiniteLossInItsRecordsEndsAsAnyOther() throws Exception {
        Path set = prepare(0);
        Path run = train("run", set);
        Files.writeString(run.resolve("stats.jsonl"), "{\"step\":1,\"loss\":\"NaN\"}\n");

        train("run", set); // there is nothing left to do but to draw its loss.png
    }

    @Test
    void withoutAnAutoencoderThereAreNoPicturesAndAnotherOneIsRefused() throws Exception {
        Path set = prepare(0);

        assertThat(train("run", set).resolve("samples.png")).doesNotExist();
        Path three = autoencoder(3);
        assertThatThrownBy(() -> train("other", set, "data.vae=" + three))
                .hasMessageContaining("the autoencoder has latents of 3 channels but the model makes 4");
        assertThatThrownBy(() -> train("missing", set, "data.vae=" + folder.resolve("nowhere")))
                .hasMessageContaining("nowhere");
    }

    @Test
    void scoresAreOfDecodedPictures() throws Exception {
        Path vae = autoencoder(4);
        Path run = train("run", prepare(PICTURE), "data.vae=" + vae, "evaluate.every=1");

        List<String> lines = Files.readAllLines(run.resolve("stats.jsonl"));
        JsonObject last = JsonParser.parseString(lines.get(lines.size() - 1)).getAsJsonObject();
        assertThat(last.get("step").getAsInt()).isEqualTo(2);
        assertThat(last.get("eval/fd_embedded_teacher").getAsDouble()).isPositive();

        Path plain = prepare(0);
        assertThatThrownBy(() -> train("plain", plain, "data.vae=" + vae, "evaluate.every=1"))
                .hasMessageContaining("evaluate.reference must be given: the training data has no pictures");
        assertThatThrownBy(() -> train("blind", plain, "evaluate.every=1"))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("data.vae must name an autoencoder while evaluate.every is above 0");
        Path kept = run.resolve("evaluate-reference.safetensors");
        train("named", plain, "data.vae=" + vae, "evaluate.every=1", "evaluate.reference=" + kept);
    }

    @ParameterizedTest
    @CsvSource({"sit-official, ROUND, TRUNCATE", "repa, TRUNCATE, ROUND"})
    void picturesOfAFileFollowTheRuleOfItsProject(String family, String rule, String other) throws Exception {
        String usual = pictures(family, "usual");

        assertThat(Files.readString(folder.resolve("usual/provenance.json"))).contains("\"pixels\": \"" + rule + "\"");
        assertThat(usual).isEqualTo(pictures(family, "named", "--pixels=" + rule));
        assertThat(usual).isNotEqualTo(pictures(family, "other", "--pixels=" + other.toLowerCase(Locale.ROOT)));
        // a folder says nothing if an earlier version made it, which truncated
        Path provenance = folder.resolve("named/provenance.json");
        Files.writeString(provenance, Files.readString(provenance).replaceFirst("  \"pixels\": \"[A-Z]+\",\n", ""));
        assertThat(sample(family, "named", "--pixels=" + rule)).isEqualTo(rule.equals("TRUNCATE") ? 0 : 2);
    }

    /** Draws into a folder; gives the hash of the array of all pictures. */
    private String pictures(String family, String name, String... options) throws IOException {
        Path npz = folder.resolve(name + ".npz");
        List<String> more = new ArrayList<>(List.of(options));
        more.add("--npz=" + npz);
        assertThat(sample(family, name, more.toArray(new String[0]))).isZero();
        return Digests.sha256(npz);
    }

    private int sample(String family, String name, String... options) throws IOException {
        Path file = Path.of("../maskalign-sit/src/test/resources/golden/checkpoint", family + ".pt");
        List<String> words = new ArrayList<>(List.of(
                "sample",
                file.toString(),
                "--heads=2",
                "--num=2",
                "--steps=2",
                "--vae=" + autoencoder(),
                "--folder=" + folder.resolve(name)));
        words.addAll(List.of(options));
        return Main.run(Main.commandLine(), words.toArray(new String[0]));
    }

    /** The same one each time it is asked for. */
    private Path autoencoder() throws IOException {
        Path made = folder.resolve("vae4");
        return Files.exists(made) ? made : autoencoder(4);
    }

    private Path train(String name, Path set, String... more) throws IOException {
        List<String> overrides = new ArrayList<>(List.of(
                "method=sit",
                "data.path=" + set,
                "mixer.layers=2",
                "subset={placement: DROP, ratio: 0.25}",
                "model.variant=null",
                "model.inputSize=8",
                "model.patchSize=2",
                "model.hiddenSize=32",
                "model.depth=2",
                "model.numHeads=2",
                "model.numClasses=3",
                "train.globalBatch=4",
                "train.accumulation=1",
                "train.steps=2",
                "runtime.device=cpu",
                "runtime.precision=FLOAT32",
                "runtime.logEvery=1",
                "runtime.previewPictures=5",
                "sample.method=EULER",
                "sample.steps=3",
                "evaluate.samples=6",
                "evaluate.batch=4",
                "evaluate.steps=2"));
        overrides.addAll(List.of(more));
        Bound<RunConfig> config =
                ConfigBinder.bind(Path.of("..", "configs", "imagenet-sit-b-2.yaml"), overrides, RunConfig.class);
        Path run = folder.resolve(name);
        TrainingRun.open(config, run)
                .withCache(folder.resolve("cache"))
                .withVersion("test")
                .run();
        return run;
    }

    private Path autoencoder(int channels) throws IOException {
        Path target = Files.createDirectories(folder.resolve("vae" + channels));
        VaeConfig small = new VaeConfig(channels, List.of(8, 8, 16, 16), 1, 4, true, true, 0.18215);
        try (NativeAutoencoder vae = NativeAutoencoder.untrained(small, Device.cpu(), Precision.FLOAT32)) {
            vae.save(target);
        }
        return target;
    }

    private Path prepare(int pictureSide) throws IOException {
        Path set = Files.createDirectories(folder.resolve("set" + pictureSide));
        SampleLayout layout = new SampleLayout(4, 8, FloatCode.FLOAT32, pictureSide, 0, 0, FloatCode.FLOAT16);
        Random random = new Random(20261123);
        ShardBuilder builder = new ShardBuilder(layout);
        for (int i = 0; i < 7; i++) {
            float[] moments = new float[layout.momentValues()];
            for (int k = 0; k < moments.length; k++) {
                moments[k] = (float) random.nextGaussian();
            }
            byte[] picture = new byte[layout.imageBytes()];
            random.nextBytes(picture);
            builder.add(new PreparedSample("p" + i, i % 3, moments, pictureSide == 0 ? null : picture, null));
        }
        String sha256 =
                builder.write(set.resolve(ShardIndex.fileName(0)), Map.of()).sha256();
        new ShardIndex(layout, Map.of(), List.of("a", "b", "c"), List.of(new ShardIndex.Entry(7, sha256))).write(set);
        return set;
    }
}
