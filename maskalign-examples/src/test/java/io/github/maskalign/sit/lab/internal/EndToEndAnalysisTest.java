package io.github.maskalign.sit.lab.internal;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.data.internal.EpochOrder;
import io.github.maskalign.core.distributed.Communicators.LocalCommunicator;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.Draws.RandomStream;
import io.github.maskalign.encoders.vae.PatchAutoencoder;
import io.github.maskalign.examples.CommandRun;
import io.github.maskalign.sit.lab.Analysis.Part;
import io.github.maskalign.sit.lab.internal.AnalysisPictures.Batch;
import io.github.maskalign.sit.lab.internal.AnalysisPictures.Wanted;
import io.github.maskalign.sit.run.Progress;
import io.github.maskalign.sit.run.TrainingSource.TrainingPictures;
import io.github.maskalign.sit.run.internal.RunData;
import io.github.maskalign.sit.run.internal.TrainedLatents;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Analyses of runs that trained an autoencoder along: each of their weights sees the latents of its own one. */
class EndToEndAnalysisTest {
    private static final Path CACHE = Path.of("target", "emoji-cache");
    private static final int PICTURES = 24;
    private static final long SEED = 3;

    @TempDir
    static Path folder;

    private static Path trained;
    private static Path plain;

    @TempDir
    Path out;

    private final CommandRun command = new CommandRun();

    @BeforeAll
    static void train() {
        trained = train("trained", "repa-e");
        plain = train("plain", "repa");
    }

    private static Path train(String name, String method) {
        Path run = folder.resolve(name);
        List<Object> words =
                new ArrayList<>(List.of("train", "../configs/quickstart.yaml", "--method=" + method, "--out=" + run));
        for (String set : List.of(
                "data.sets=[fxemoji]",
                "data.cache=" + CACHE.toAbsolutePath(),
                "model.hiddenSize=24",
                "model.numHeads=2",
                "align.projectorDim=32",
                "optim.warmupSteps=0",
                "train.globalBatch=8",
                "train.steps=2",
                "train.saveEvery=1",
                "train.snapshotEvery=1",
                "runtime.previewPictures=1",
                "sample.steps=2")) {
            words.add("--set=" + set);
        }
        CommandRun command = new CommandRun();
        assertThat(command.run(words.toArray())).as(command.err()).isZero();
        return run;
    }

    private static Path autoencoder(long step) {
        return trained.resolve("autoencoder/autoencoder-000000" + step + ".safetensors");
    }

    @Test
    void latentsAreThoseOfTheAutoencoderAndTheNormOfTheVeryWeights() throws IOException {
        List<AnalysedWeights> all = AnalysedWeights.of(trained, "all");
        assertThat(all).extracting(AnalysedWeights::step).containsExactly(1L, 2L);
        try (NDManager manager = NDManager.newBaseManager(Device.cpu())) {
            AnalysisPictures pictures = open(all, manager);
            assertThat(pictures.latents()).isEmpty();

            List<float[]> found = new ArrayList<>();
            for (AnalysedWeights weights : all) {
                AnalysisPictures seen = pictures.seenBy(weights.latents().orElseThrow(), weights.file(), manager);
                for (int position : new int[] {0, 9, 23}) { // of three batches
                    Batch data = pictures.batches().get(position / 10);
                    Batch own = seen.batches().get(position / 10);
                    assertThat(own.labels()).isSameAs(data.labels());
                    assertThat(own.tokens()).isEqualTo(data.tokens());
                    assertThat(own.untrained()).isEqualTo(data.untrained()).isNotEmpty();
                    Mirrors.Mirrored mirrored = Objects.requireNonNull(own.mirrored());
                    assertThat(mirrored.tokens())
                            .isEqualTo(Objects.requireNonNull(data.mirrored()).tokens());
                    float[] latents = one(own.latents(), position);
                    assertThat(apart(latents, expected(weights.step(), position, false)))
                            .isLessThan(1e-4); // rounding of convolutions of other sizes
                    assertThat(apart(one(mirrored.latents(), position), expected(weights.step(), position, true)))
                            .isLessThan(1e-4);
                    assertThat(apart(latents, one(data.latents(), position))).isGreaterThan(1e-3);
                    found.add(latents);
                }
                assertThat(seen.latents()).isEqualTo(weights.file().toString());
                assertThat(seen.slice(8, 4, manager).latents().getShape()).isEqualTo(new Shape(4, 4, 16, 16));
            }
            assertThat(apart(found.get(0), found.get(3))).isGreaterThan(1e-3);
        }
    }

    private static AnalysisPictures open(List<AnalysedWeights> all, NDManager manager) throws IOException {
        AnalysisSettings settings =
                new AnalysisSettings(EnumSet.allOf(Part.class), PICTURES, List.of(0.5), 1, SEED, 10, 20);
        AnalysedData base = AnalysedData.of(List.of(trained), null, all);
        Wanted wanted = new Wanted(true, false, all.get(0).run());
        return AnalysisPictures.open(base.config(), settings, wanted, CACHE, manager, Progress.Display.LOG);
    }

    private static float[] one(NDArray latents, int position) {
        return latents.get(position % 10).toFloatArray();
    }

    private static double apart(float[] a, float[] b) {
        assertThat(a).hasSameSizeAs(b);
        double most = 0;
        for (int i = 0; i < a.length; i++) {
            most = Math.max(most, Math.abs(a[i] - b[i]));
        }
        return most;
    }

    /** The latent of one picture, from the files of the run. */
    private static float[] expected(long step, int position, boolean mirrored) throws IOException {
        Draws draws = new Draws(SEED);
        AnalysedWeights any = AnalysedWeights.of(trained, "newest").get(0);
        try (NDManager manager = NDManager.newBaseManager(Device.cpu());
                GradMode constants = GradMode.off();
                RunData data = RunData.open(
                        any.run().orElseThrow(), CACHE, draws, new LocalCommunicator(), Progress.Display.LOG);
                PatchAutoencoder coder = PatchAutoencoder.open(autoencoder(step), Device.cpu());
                SafetensorsFile snapshot =
                        SafetensorsFile.open(trained.resolve("snapshot-000000" + step + ".safetensors"))) {
            TrainingPictures pictures = Objects.requireNonNull(data.pictures());
            byte[] pixels = new byte[3 * 64 * 64];
            pictures.reader().read(new EpochOrder(draws, (int) data.data().size()).indexAt(position), pixels);
            NDArray image = OwnedArrays.of(manager, new Shape(1, 3, 64, 64), pixels);
            NDArray noise = OwnedArrays.of(
                    manager, new Shape(1, 4, 16, 16), draws.normal(RandomStream.POSTERIOR, position, 1, 4 * 16 * 16));
            NDArray z = coder.encode(mirrored ? image.flip(3) : image).sample(mirrored ? noise.flip(3) : noise);
            float[] mean = snapshot.stateDict().get("bn.running_mean").floats();
            float[] variance = snapshot.stateDict().get("bn.running_var").floats();
            for (int c = 0; c < 4; c++) {
                NDIndex channel = new NDIndex(":, " + c);
                z.set(channel, z.get(channel).sub(mean[c]).div((float) Math.sqrt(variance[c] + 1e-4)));
            }
            return z.toFloatArray();
        }
    }

    @Test
    void theAverageInACheckpointHasTheAutoencoderOfItsState() throws IOException {
        Path average = trained.resolve("checkpoints/state-0000001/ema.safetensors");
        TrainedLatents named = latents(average);
        assertThat(named.file()).isEqualTo(autoencoder(1));
        Path away = out.resolve("away.safetensors");
        Files.move(autoencoder(1), away);
        try (NDManager manager = NDManager.newBaseManager(Device.cpu())) {
            TrainedLatents inState = latents(average);
            assertThat(inState.file().getFileName()).hasToString("weights.safetensors");
            AnalysisPictures pictures = open(AnalysedWeights.of(trained, "2"), manager);
            Files.move(away, autoencoder(1));

            for (Map.Entry<Integer, Boolean> same : Map.of(1, true, 2, false).entrySet()) {
                TrainedLatents other = latents(trained.resolve("snapshot-000000" + same.getKey() + ".safetensors"));
                double apart = apart(
                        one(
                                pictures.seenBy(inState, average, manager)
                                        .batches()
                                        .get(0)
                                        .latents(),
                                4),
                        one(
                                pictures.seenBy(other, average, manager)
                                        .batches()
                                        .get(0)
                                        .latents(),
                                4));
                assertThat(apart == 0).isEqualTo(same.getValue());
            }
        } finally {
            if (Files.exists(away)) {
                Files.move(away, autoencoder(1));
            }
        }
    }

    private static TrainedLatents latents(Path weights) throws IOException {
        return AnalysedWeights.of(weights, "newest").get(0).latents().orElseThrow();
    }

    @Test
    void othersAreAnalysedWithItAsTheyAreAlone() throws IOException {
        Object[] how = {"--what=gradients,similarity", "--pictures=" + PICTURES, "--times=0.5", "--batch=24"};
        Map<String, JsonObject> together = analyse("together", how, trained, plain, "--checkpoints=all");
        Map<String, JsonObject> alone = analyse("alone", how, trained, "--checkpoints=2");
        Map<String, JsonObject> other = analyse("other", how, plain);

        assertThat(together.keySet())
                .containsExactly("trained, step 1", "trained, step 2", "plain, step 1", "plain, step 2");
        assertThat(alone.get("trained, step 2")).isEqualTo(together.get("trained, step 2"));
        assertThat(other.get("plain, step 2")).isEqualTo(together.get("plain, step 2"));
        JsonObject first = together.get("trained, step 1");
        JsonObject second = together.get("trained, step 2");
        assertThat(first.get("times")).isNotEqualTo(second.get("times"));
        assertThat(first.get("autoencoder").getAsString()).matches("[0-9a-f]{64}");
        assertThat(first.get("autoencoder")).isNotEqualTo(second.get("autoencoder"));
        assertThat(other.get("plain, step 2").has("autoencoder")).isFalse();
    }

    private Map<String, JsonObject> analyse(String name, Object[] how, Object... what) throws IOException {
        Path to = out.resolve(name);
        List<Object> words = new ArrayList<>(List.of("analyze", "--out=" + to));
        words.addAll(List.of(what));
        words.addAll(List.of(how));
        assertThat(command.run(words.toArray())).as(command.err()).isZero();
        JsonObject found = JsonParser.parseString(Files.readString(to.resolve("analysis.json")))
                .getAsJsonObject();
        assertThat(found.getAsJsonArray("notes").toString()).doesNotContain("mirrored");
        Map<String, JsonObject> all = new LinkedHashMap<>();
        for (JsonElement one : found.getAsJsonArray("checkpoints")) {
            all.put(one.getAsJsonObject().get("name").getAsString(), one.getAsJsonObject());
        }
        return all;
    }

    @Test
    void anAutoencoderThatIsGoneIsToldBeforeAnythingIsMeasured() throws IOException {
        Path away = out.resolve("away.safetensors");
        Files.move(autoencoder(2), away);
        try {
            assertThat(command.run("analyze", trained, "--pictures=24", "--out=" + out.resolve("never")))
                    .isNotZero();
        } finally {
            Files.move(away, autoencoder(2));
        }
        assertThat(command.err())
                .contains("autoencoder-0000002.safetensors, the autoencoder that was trained along with");
        assertThat(out.resolve("never")).doesNotExist();
    }

    /** A file of such weights has no autoencoder beside it: the data's latents have to be right. */
    @Test
    void aFileFromElsewhereIsTakenToBeForTheLatentsOfTheData() throws IOException {
        Path file = out.resolve("official.safetensors");
        assertThat(command.run("convert", trained, file)).as(command.err()).isZero();

        assertThat(command.run(
                        "analyze",
                        file,
                        "--like=" + plain,
                        "--what=stability",
                        "--pictures=24",
                        "--times=0.5",
                        "--out=" + out.resolve("file")))
                .as(command.err())
                .isZero();
        JsonObject found = JsonParser.parseString(Files.readString(out.resolve("file/analysis.json")))
                .getAsJsonObject();
        assertThat(found.getAsJsonArray("notes").toString()).contains("its latents are taken to be those of the data");
        assertThat(AnalysedWeights.of(file, "newest").get(0).latents()).isEqualTo(Optional.empty());
    }
}
