package io.github.maskalign.sit.run;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Samples of a model before, early and late in its training stand in this order by every metric. */
@Tag("slow")
class ScoreRankingTest {
    private static final long EARLY = 60;
    private static final long LATE = 400;

    /** Gaps are of so many standard errors at least: one in millions by chance. */
    private static final double ERRORS = 5;

    @TempDir
    Path folder;

    @Test
    void laterModelsHaveBetterScores() throws Exception {
        train(EARLY);
        train(LATE);

        List<JsonObject> scores = new ArrayList<>();
        for (String line : Files.readAllLines(folder.resolve("run/stats.jsonl"))) {
            JsonObject record = JsonParser.parseString(line).getAsJsonObject();
            if (record.has("eval/samples")) {
                scores.add(record);
            }
        }
        assertThat(scores).extracting(record -> record.get("step").getAsLong()).containsExactly(0L, EARLY, LATE);
        for (int i = 1; i < scores.size(); i++) {
            assertThat(gap(scores, i, "fd_embedded_teacher")).isLessThan(-ERRORS);
            assertThat(gap(scores, i, "kd_embedded_teacher")).isLessThan(-ERRORS);
            assertThat(gap(scores, i, "precision")).isGreaterThan(ERRORS);
        }
        // before and early no picture of the data is near a sample: both are 0
        assertThat(value(scores.get(1), "recall")).isGreaterThanOrEqualTo(value(scores.get(0), "recall"));
        assertThat(gap(scores, 2, "recall")).isGreaterThan(ERRORS);
    }

    /** From one evaluation to the next, in standard errors of the difference. */
    private static double gap(List<JsonObject> scores, int index, String metric) {
        JsonObject before = scores.get(index - 1);
        JsonObject after = scores.get(index);
        return (value(after, metric) - value(before, metric))
                / Math.hypot(value(before, metric + "_se"), value(after, metric + "_se"));
    }

    private static double value(JsonObject record, String name) {
        return record.get("eval/" + name).getAsDouble();
    }

    private void train(long steps) throws IOException {
        Bound<RunConfig> config = ConfigBinder.bind(
                Path.of("..", "configs", "emoji-32.yaml"),
                List.of(
                        "model.hiddenSize=128",
                        "model.depth=4",
                        "model.numHeads=4",
                        "align.depth=2",
                        "train.globalBatch=32",
                        "train.steps=" + steps,
                        "runtime.previewPictures=4",
                        "sample.steps=2",
                        "evaluate.every=1000",
                        "evaluate.samples=500",
                        "evaluate.steps=12",
                        "evaluate.referencePictures=3000"),
                RunConfig.class);
        TrainingRun.open(config, folder.resolve("run"))
                .withCache(Path.of("target", "emoji-cache"))
                .withVersion("test")
                .run();
    }
}
