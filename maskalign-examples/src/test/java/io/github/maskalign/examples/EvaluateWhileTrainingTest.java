package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The numbers of a run and those of the commands. */
class EvaluateWhileTrainingTest {
    @TempDir
    Path folder;

    @Test
    void aRunRecordsWhatSampleAndEvaluateGive() throws Exception {
        Path run = folder.resolve("run");
        Path pictures = folder.resolve("pictures");
        Path result = folder.resolve("result.json");
        run(
                "train",
                Path.of("..", "configs", "emoji-32.yaml").toString(),
                "--out=" + run,
                "--set=data.sets=[fxemoji]",
                "--set=data.cache=" + Path.of("target", "emoji-cache"),
                "--set=model.hiddenSize=24",
                "--set=model.patchSize=8",
                "--set=model.depth=2",
                "--set=model.numHeads=2",
                "--set=encoder.kind=NONE",
                "--set=align.enabled=false",
                "--set=cls.enabled=false",
                "--set=train.globalBatch=4",
                "--set=train.steps=3",
                "--set=runtime.previewPictures=1",
                "--set=sample.steps=2",
                "--set=evaluate.every=100",
                "--set=evaluate.samples=22",
                "--set=evaluate.batch=5",
                "--set=evaluate.steps=3",
                "--set=evaluate.method=HEUN",
                "--set=evaluate.cfgScale=1.5",
                "--set=evaluate.seed=7",
                "--set=evaluate.referencePictures=40");
        run(
                "sample",
                run.toString(),
                "--num=22",
                "--batch=5",
                "--sampler=HEUN",
                "--steps=3",
                "--cfg=1.5",
                "--seed=7",
                "--folder=" + pictures);
        run(
                "evaluate",
                "--reference=" + run.resolve("evaluate-reference.safetensors"),
                "--samples=" + pictures,
                "--encoder=embedded",
                "--batch=5",
                "--out=" + result);

        List<String> lines = Files.readAllLines(run.resolve("stats.jsonl"));
        JsonObject recorded =
                JsonParser.parseString(lines.get(lines.size() - 1)).getAsJsonObject();
        JsonObject command = JsonParser.parseString(Files.readString(result)).getAsJsonObject();
        assertThat(recorded.get("step").getAsInt()).isEqualTo(3);
        for (List<String> pair : List.of(
                List.of("eval/fd_embedded_teacher", "fd_embedded_teacher"),
                List.of("eval/precision", "precision"),
                List.of("eval/recall", "recall"))) {
            JsonObject metric = command.getAsJsonObject("metrics").getAsJsonObject(pair.get(1));
            assertThat(recorded.get(pair.get(0)).getAsDouble())
                    .as("%s", pair)
                    .isEqualTo(metric.get("value").getAsDouble());
            assertThat(recorded.get(pair.get(0) + "_se").getAsDouble())
                    .isEqualTo(metric.get("error").getAsDouble());
        }
        JsonObject drawing = drawing(run);
        JsonObject folder = drawing(pictures);
        JsonObject scored = command.getAsJsonObject("protocol");
        for (String fact : folder.keySet()) {
            assertThat(folder.get(fact)).as("both drew alike: %s", fact).isEqualTo(drawing.get(fact));
            assertThat(scored.get(fact)).as("a score says it too: %s", fact).isEqualTo(folder.get(fact));
        }
        assertThat(folder.keySet()).contains("sampler", "equation", "labels", "samples", "weights", "rounding");
        assertThat(scored.get("features")).isEqualTo(drawing.get("features"));
        assertThat(scored.get("reference").getAsString())
                .isEqualTo("evaluate-reference.safetensors, 40 pictures, 40 rows");
        assertThat(scored.get("fingerprint").getAsString()).matches("[0-9a-f]{12}");
        // both are without bias, but over subsets of another size
        JsonObject kernel = command.getAsJsonObject("metrics").getAsJsonObject("kd_embedded_teacher");
        assertThat(recorded.get("eval/kd_embedded_teacher").getAsDouble())
                .isCloseTo(
                        kernel.get("value").getAsDouble(),
                        within(recorded.get("eval/kd_embedded_teacher_se").getAsDouble()));
    }

    /** The facts of the one protocol that a folder explains. */
    private static JsonObject drawing(Path folder) throws IOException {
        JsonObject all = JsonParser.parseString(Files.readString(folder.resolve("protocols.json")))
                .getAsJsonObject();
        assertThat(all.keySet()).hasSize(1);
        return all.getAsJsonObject(all.keySet().iterator().next());
    }

    private static void run(String... args) {
        assertThat(Main.run(Main.commandLine(), args)).as("%s", List.of(args)).isZero();
    }
}
