package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.config.ConfigException;
import io.github.maskalign.core.distributed.Communicators.LocalCommunicator;
import io.github.maskalign.core.evaluate.Evaluation.Estimate;
import io.github.maskalign.core.evaluate.Evaluation.EvaluationResult;
import io.github.maskalign.core.evaluate.Evaluation.MetricValue;
import io.github.maskalign.core.evaluate.FeatureExtractor.FeatureSpace;
import io.github.maskalign.core.evaluate.Metric;
import io.github.maskalign.core.metrics.JsonlSink;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.train.TrainListener.StartKind;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTTraining;
import io.github.maskalign.sit.run.Progress;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.RunReport;
import io.github.maskalign.sit.run.TrainingRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Scores while a run goes on. */
class EvaluationListenerTest {
    private static final List<String> SMALL = List.of(
            "data.sets=[fxemoji]",
            "model.hiddenSize=24",
            "model.patchSize=8",
            "model.depth=2",
            "model.numHeads=2",
            "align.depth=1",
            "align.projectorDim=16",
            "encoder.kind=NONE",
            "align.enabled=false",
            "cls.enabled=false",
            "train.globalBatch=4",
            "train.saveEvery=2",
            "runtime.previewPictures=1",
            "runtime.logEvery=1",
            "sample.steps=2",
            "evaluate.samples=13",
            "evaluate.batch=5",
            "evaluate.steps=2",
            "evaluate.referencePictures=40");
    private static final List<String> STATE = List.of("weights", "ema", "exp_avg", "exp_avg_sq");

    @TempDir
    Path root;

    @Test
    void scoresAreRecordedAtTheStartOnTheWayAndAtTheEndAndChangeNothing() throws Exception {
        assertThat(train("with", 5, "evaluate.every=2")).isEqualTo(StopReason.COMPLETED);
        assertThat(train("without", 5)).isEqualTo(StopReason.COMPLETED);

        assertThat(evaluated("with")).containsExactly(0L, 2L, 4L, 5L);
        JsonObject last = records("with").get(records("with").size() - 1);
        assertThat(last.keySet())
                .containsExactly(
                        "step",
                        "time",
                        "eval/fd_embedded_teacher",
                        "eval/fd_embedded_teacher_se",
                        "eval/precision",
                        "eval/precision_se",
                        "eval/recall",
                        "eval/recall_se",
                        "eval/kd_embedded_teacher",
                        "eval/kd_embedded_teacher_se",
                        "eval/samples",
                        "eval/seconds",
                        "eval/protocol");
        assertThat(last.get("eval/samples").getAsInt()).isEqualTo(13);
        assertThat(last.get("eval/fd_embedded_teacher").getAsDouble()).isPositive();
        assertThat(evaluated("without")).isEmpty();
        for (String file : STATE) {
            String name = "checkpoints/state-0000005/" + file + ".safetensors";
            assertThat(root.resolve("with").resolve(name))
                    .hasSameBinaryContentAs(root.resolve("without").resolve(name));
        }
        assertThat(root.resolve("with/samples.png")).hasSameBinaryContentAs(root.resolve("without/samples.png"));
    }

    @Test
    void whatIsRecordedIsNotMeasuredAgain() throws Exception {
        train("run", 3, "evaluate.every=2");
        List<JsonObject> first = records("run");
        train("run", 3, "evaluate.every=2");
        assertThat(records("run")).isEqualTo(first);

        train("run", 6, "evaluate.every=2");
        train("whole", 6, "evaluate.every=2");

        assertThat(evaluated("run")).containsExactly(0L, 2L, 3L, 4L, 6L);
        assertThat(evaluated("whole")).containsExactly(0L, 2L, 4L, 6L);
        for (long step : List.of(2L, 6L)) {
            assertThat(at("run", step).get("eval/kd_embedded_teacher"))
                    .as("a resumed run measures the same")
                    .isEqualTo(at("whole", step).get("eval/kd_embedded_teacher"));
        }
    }

    @Test
    void theScoreOfUntrainedWeightsMayBeLeftOut() throws Exception {
        train("run", 4, "evaluate.every=2", "evaluate.atStart=false");

        assertThat(evaluated("run")).containsExactly(2L, 4L);
    }

    @Test
    void theJudgeScoresInPlaceOfTheTeacherAndKeptFeaturesAreMadeAnew() throws Exception {
        train("run", 1, "evaluate.every=9");
        train("run", 2, "evaluate.every=9", "evaluate.encoder=JUDGE");

        assertThat(at("run", 2).keySet())
                .contains("eval/fd_judge", "eval/fd_judge_se", "eval/kd_judge", "eval/precision")
                .doesNotContain("eval/fd_embedded_teacher");
        assertThatThrownBy(() -> train("b", 2, "evaluate.encoder=JUDGE", "evaluate.inception=some.pth"))
                .hasMessageContaining("encoder must be OWN where inception is given");
    }

    @Test
    void severalNetworksLookAtTheSameSamplesAndTheFirstSaysWhatItSaysAlone() throws Exception {
        train("alone", 2, "evaluate.every=9");
        train("judge", 2, "evaluate.every=9", "evaluate.encoder=JUDGE");
        train("both", 2, "evaluate.every=9", "evaluate.moreEncoders=[JUDGE]");

        JsonObject alone = at("alone", 2);
        JsonObject judge = at("judge", 2);
        JsonObject both = at("both", 2);
        for (String name : alone.keySet()) {
            if (!List.of("time", "eval/seconds").contains(name)) {
                assertThat(both.get(name)).as(name).isEqualTo(alone.get(name));
            }
        }
        for (String name : List.of("fd_judge", "fd_judge_se", "kd_judge", "kd_judge_se")) {
            assertThat(both.get("eval/" + name)).as(name).isEqualTo(judge.get("eval/" + name));
        }
        for (String name : List.of("precision", "precision_se", "recall", "protocol")) {
            String ofJudge =
                    name.startsWith("precision") ? name.replace("precision", "precision_judge") : name + "_judge";
            assertThat(both.get("eval/" + ofJudge)).as(name).isEqualTo(judge.get("eval/" + name));
        }
        assertThat(Files.readString(root.resolve("both/protocols.json")))
                .contains(Protocol.fingerprint(both.get("eval/protocol").getAsDouble()))
                .contains(Protocol.fingerprint(both.get("eval/protocol_judge").getAsDouble()));
        assertThat(root.resolve("both/evaluate-reference-judge.safetensors")).isNotEmptyFile();
        RunReport.read(List.of(root.resolve("both")), List.of(), 0)
                .writePage(root.resolve("both.html"), null, Instant.EPOCH);
        assertThat(Files.readString(root.resolve("both.html")))
                .contains("Fréchet distance (not FID), judge", "Precision, judge", "Precision over steps")
                .doesNotContain("eval/protocol");

        assertThatThrownBy(() -> train("c", 2, "evaluate.encoder=JUDGE", "evaluate.moreEncoders=[JUDGE]"))
                .hasMessageContaining("moreEncoders must name other encoders than encoder, JUDGE");
        assertThatThrownBy(() -> train("d", 2, "evaluate.every=1", "evaluate.moreEncoders=[TEACHER]"))
                .hasMessageContaining("but two are embedded teacher");
    }

    @Test
    void theFeaturesOfTheReferenceAreKeptUntilItChanges() throws Exception {
        train("run", 1, "evaluate.every=9");
        Path kept = root.resolve("run/evaluate-reference.safetensors");
        byte[] bytes = Files.readAllBytes(kept);
        Object file = Files.readAttributes(kept, "unix:ino").get("ino");

        train("run", 2, "evaluate.every=9");
        assertThat(Files.readAttributes(kept, "unix:ino").get("ino")).isEqualTo(file);

        Files.write(kept, Arrays.copyOf(bytes, bytes.length / 2)); // as a disk may leave it
        train("run", 3, "evaluate.every=9");
        assertThat(kept).hasBinaryContent(bytes);

        train("run", 4, "evaluate.every=9", "evaluate.referencePictures=41");
        assertThat(Files.size(kept)).isGreaterThan(bytes.length);
        assertThat(evaluated("run")).containsExactly(0L, 1L, 2L, 3L, 4L);

        train("other", 1, "evaluate.every=9", "evaluate.reference=" + kept, "evaluate.metrics=[fid]");
        assertThat(at("other", 1).keySet())
                .contains("eval/fd_embedded_teacher")
                .doesNotContain("eval/kd_embedded_teacher");
        assertThat(root.resolve("other/evaluate-reference.safetensors")).doesNotExist();
    }

    @Test
    void mistakesAreToldBeforeTheFirstStep() {
        assertThatThrownBy(() -> train("a", 2, "evaluate.every=2", "evaluate.metrics=[fid, is]"))
                .hasMessageContaining("evaluate.metrics must be among")
                .hasMessageContaining("[fid, is]");
        assertThatThrownBy(() -> train("b", 2, "evaluate.every=2", "evaluate.reference=/no/such/file.npz"))
                .hasMessageContaining("/no/such/file.npz");
        assertThatThrownBy(() -> train("c", 2, "evaluate.every=2", "evaluate.inception=/no/such/file.pth"))
                .hasMessageContaining("/no/such/file.pth");
        assertThatThrownBy(() -> train("d", 2, "evaluate.metrics=[fud]"))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("fud");
        assertThatThrownBy(() -> train("e", 2, "evaluate.samples=3"))
                .hasMessageContaining("samples and referencePictures must be at least 4 but were 3 and 40");
        assertThatThrownBy(() -> train("f", 2, "evaluate.cfgScale=0.5")).isInstanceOf(ConfigException.class);
        assertThatThrownBy(() -> train("g", 2, "data.vae=here")).hasMessageContaining("vae has no place with EMOJI");
        assertThat(root.resolve("a/stats.jsonl")).isEmptyFile();
    }

    @Test
    void failuresAndStopsAreWarnings() throws Exception {
        FeatureSpace space = new FeatureSpace("test", "test", false, 3, 0, 0);
        EvaluationResult result = new EvaluationResult(
                100,
                space,
                List.of(new MetricValue(
                        Metric.KID,
                        Metric.KID.title(space),
                        new Estimate(0.5, OptionalDouble.of(0.125), "standard deviation over subsets"))),
                List.of());
        List<String> calls = new ArrayList<>();
        boolean[] stop = {true};
        EvaluationListener.Scoring scoring = new EvaluationListener.Scoring() {
            @Override
            public void check() {
                calls.add("check");
            }

            @Override
            public List<Protocol> protocols() {
                return List.of(new Protocol(Map.of("sampler", "EULER")));
            }

            @Override
            public List<EvaluationResult> of(Map<String, NDArray> weights, Runnable watch) throws IOException {
                calls.add("of");
                watch.run();
                if (calls.size() == 3) {
                    throw new IOException("no disk");
                }
                return List.of(result);
            }
        };
        RunConfig config = config(9, "evaluate.every=2").value();
        Path stats = root.resolve("stats.jsonl");
        try (NDManager manager = NDManager.newBaseManager();
                TrainState state = new TrainState(manager, Map.of("w", parameter(manager)))) {
            EvaluationListener listener = new EvaluationListener(
                    config, scoring, first -> JsonlSink.open(stats, first), root, () -> stop[0], Duration.ofHours(1));

            listener.onStart(StartKind.SCRATCH, state); // is given up: somebody asked to stop
            assertThat(Files.readString(stats)).isEmpty();
            stop[0] = false;
            listener.onEnd(StopReason.COMPLETED, state); // fails
            assertThat(Files.readString(stats)).isEmpty();
            listener.onStart(StartKind.SCRATCH, state); // and is made up for
            listener.onEnd(StopReason.COMPLETED, state);
        }

        assertThat(calls).containsExactly("check", "of", "of", "check", "of");
        JsonObject record = JsonParser.parseString(Files.readString(stats)).getAsJsonObject();
        assertThat(record.get("eval/kd_test").getAsDouble()).isEqualTo(0.5);
        assertThat(record.get("eval/kd_test_se").getAsDouble())
                .as("halves of 100: the spread itself")
                .isCloseTo(0.125, within(1e-12)); // a product of doubles
    }

    @Test
    void nothingIsLeftInMemory() throws Exception {
        RunConfig config = config(2, "evaluate.every=2").value();
        SiTConfig model = RunPlan.model(config);
        Path cache = Path.of("target", "emoji-cache");
        try (NDManager manager = NDManager.newBaseManager();
                RunData data = RunData.open(
                        config, cache, new Draws(config.seed()), new LocalCommunicator(), Progress.Display.LOG);
                TrainState state = new TrainState(
                        manager,
                        SiTTraining.builder()
                                .setModel(model)
                                .setData(data.data())
                                .setTrain(config.train())
                                .buildObjective(manager)
                                .parameters())) {
            RunEvaluation evaluation = new RunEvaluation(config, manager, data.pictures(), root);
            NDManager system = manager.getParentManager();
            evaluation.of(state.ema(), () -> {});
            int arrays = system.getManagedArrays().size();
            int owned = manager.getManagedArrays().size();

            evaluation.check();
            evaluation.of(state.ema(), () -> {});
            assertThatThrownBy(() -> evaluation.of(state.ema(), () -> {
                        throw new IllegalStateException("enough");
                    }))
                    .hasMessage("enough");

            assertThat(system.getManagedArrays()).hasSize(arrays);
            assertThat(manager.getManagedArrays()).hasSize(owned);
        }
    }

    @Test
    void theErrorOfTheKernelDistanceIsThatOfAllSamples() {
        assertThat(RunEvaluation.kernel(4).subsetSize()).isEqualTo(2);
        assertThat(RunEvaluation.kernel(1_000).subsetSize()).isEqualTo(500);
        assertThat(RunEvaluation.kernel(50_000).subsetSize()).isEqualTo(1_000);
        assertThat(RunEvaluation.kernelError(0.7, 50_000)).isCloseTo(0.7 / 7, within(1e-12)); // √(1000/49000) = 1/7
    }

    private static Parameter parameter(NDManager manager) {
        Parameter weight =
                Parameter.builder().setName("w").setType(Parameter.Type.WEIGHT).build();
        weight.setArray(manager.ones(new Shape(2), DataType.FLOAT32));
        return weight;
    }

    private StopReason train(String folder, int steps, String... more) throws IOException {
        return TrainingRun.open(config(steps, more), root.resolve(folder))
                .withCache(Path.of("target", "emoji-cache"))
                .withVersion("test")
                .run();
    }

    private static Bound<RunConfig> config(int steps, String... more) {
        List<String> overrides = new ArrayList<>(SMALL);
        overrides.add("train.steps=" + steps);
        overrides.addAll(List.of(more));
        return ConfigBinder.bind(Path.of("..", "configs", "emoji-32.yaml"), overrides, RunConfig.class);
    }

    private JsonObject at(String run, long step) throws IOException {
        return records(run).stream()
                .filter(record ->
                        record.has("eval/samples") && record.get("step").getAsLong() == step)
                .findFirst()
                .orElseThrow();
    }

    private List<Long> evaluated(String run) throws IOException {
        return records(run).stream()
                .filter(record -> record.has("eval/samples"))
                .map(record -> record.get("step").getAsLong())
                .toList();
    }

    private List<JsonObject> records(String run) throws IOException {
        List<JsonObject> records = new ArrayList<>();
        for (String line : Files.readAllLines(root.resolve(run).resolve("stats.jsonl"))) {
            records.add(JsonParser.parseString(line).getAsJsonObject());
        }
        return records;
    }
}
