package io.github.maskalign.sit.lab;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.config.ConfigPresets;
import io.github.maskalign.examples.CommandRun;
import io.github.maskalign.sit.lab.Analysis.Part;
import io.github.maskalign.sit.run.Progress;
import io.github.maskalign.sit.run.RunConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Each method of the library, on emoji and as small as can be: compared, scored, reported and analysed, whatever it predicts. */
class MethodLabTest {
    private static final String EMOJI = """
            name: tiny
            base: %s
            set: ["data.sets=[fxemoji]", data.cache=%s, model.patchSize=4, model.hiddenSize=24, model.depth=4, model.numHeads=4,
                  train.globalBatch=4, train.saveEvery=2, runtime.logEvery=1, runtime.previewPictures=1, sample.steps=2,
                  evaluate.atStart=false, evaluate.samples=8, evaluate.steps=2, evaluate.referencePictures=16,
                  "evaluate.metrics=[fid, kid]"]
            variants:
              - {name: %s, set: [%s]}
              - {name: %s, set: [%s]}
            seeds: [0]
            steps: 2
            evaluations: 1
            """;

    /** Blanks of one seed: nobody knows the spread of one number, nor what it could detect. */
    private static final Set<String> OF_ONE_SEED = Set.of("sd", "low", "high", "detectable");

    /** The jackknife needs groups of samples. */
    private static final Set<String> OF_FEW_SAMPLES = Set.of("error");

    @TempDir
    Path root;

    private final CommandRun command = new CommandRun();

    static List<String> others() {
        List<String> ids = new ArrayList<>(
                ConfigPresets.of(RunConfig.class).orElseThrow().names());
        ids.removeAll(List.of("maskalign", "dit", "redi", "ediffi"));
        return ids;
    }

    @ParameterizedTest
    @ValueSource(strings = {"maskalign", "dit", "redi", "ediffi"})
    void oneMethodOfEachKindIsComparedScoredReportedAndAnalysed(String method) throws IOException {
        compareAndAnalyse(method);
    }

    @ParameterizedTest
    @MethodSource("others")
    @Tag("slow")
    void everyOtherMethodIsComparedScoredReportedAndAnalysed(String method) throws IOException {
        compareAndAnalyse(method);
    }

    private void compareAndAnalyse(String method) throws IOException {
        String other = method.equals("sit") ? "repa" : "sit";
        Path out = compare(method, List.of("method=" + method), other, List.of("method=" + other));
        Path run = out.resolve("cells/" + method + "-seed0");

        JsonObject results = json(out.resolve("results.json"));
        assertThat(results.getAsJsonObject("failed").keySet()).isEmpty();
        Set<String> variants = new TreeSet<>();
        results.getAsJsonArray("rows")
                .forEach(row -> variants.add(row.getAsJsonObject().get("variant").getAsString()));
        assertThat(variants).containsExactlyInAnyOrder(method, other);
        requireFinite("results", results, OF_ONE_SEED);
        assertThat(Files.readString(out.resolve("comparison.html"))).doesNotContain("NaN", "Infinity");

        run("sample", run, "--num=6", "--steps=2", "--folder=" + run.resolve("samples"));
        run(
                "evaluate",
                "--reference=" + run.resolve("evaluate-reference.safetensors"),
                "--samples=" + run,
                "--encoder=embedded",
                "--metrics=fid,kid",
                "--out=" + run.resolve("evaluation.json"));
        JsonObject scores = json(run.resolve("evaluation.json"));
        requireFinite("evaluation", scores, OF_FEW_SAMPLES);

        JsonObject found = analyse(run);
        JsonObject at = time(found);
        boolean aligns = found.getAsJsonArray("checkpoints")
                .get(0)
                .getAsJsonObject()
                .has("tap");
        boolean convolves = method.equals("irepa"); // its projector needs the whole grid: no masked forward
        assertThat(at.has("gradients")).isEqualTo(aligns);
        assertThat(at.has("conflict")).isEqualTo(aligns);
        assertThat(at.has("stability")).isEqualTo(aligns && !convolves);
        assertThat(at.has(method.equals("dit") ? "noiseLoss" : "velocityLoss")).isTrue();
        assertThat(at.getAsJsonArray("taps")).hasSize(5);
        at.getAsJsonArray("taps")
                .forEach(tap -> assertThat(tap.getAsJsonObject().keySet())
                        .containsExactly("tap", "similarity", "spatial", "probe"));

        run("report", run, "--out=" + root.resolve("page.html"));
        assertThat(Files.readString(root.resolve("page.html")))
                .contains("<h2>Analysis of ", "Likeness to the encoder")
                .doesNotContain("NaN", "Infinity");
    }

    private Path compare(String name, List<String> set, String other, List<String> otherSet) throws IOException {
        Path plan = root.resolve("plan.yaml");
        Files.writeString(
                plan,
                EMOJI.formatted(
                        Path.of("..", "configs", "emoji-32.yaml").toAbsolutePath(),
                        Path.of("target", "emoji-cache").toAbsolutePath(),
                        name,
                        String.join(", ", set),
                        other,
                        String.join(", ", otherSet)));
        Path out = root.resolve("out");
        run("compare", plan, "--out=" + out);
        return out;
    }

    private void run(Object... arguments) {
        assertThat(command.run(arguments)).as(command.err()).isZero();
    }

    private static JsonObject analyse(Path run) throws IOException {
        return json(Analysis.of(List.of(run))
                .withPictures(24)
                .withTimes(List.of(0.5))
                .withWork(24, 20)
                .withSurroundings(Path.of("target", "emoji-cache"), Progress.Display.LOG)
                .write(run.resolve("analysis")));
    }

    private static JsonObject time(JsonObject found) {
        JsonObject at = found.getAsJsonArray("checkpoints")
                .get(0)
                .getAsJsonObject()
                .getAsJsonArray("times")
                .get(0)
                .getAsJsonObject();
        requireFinite("analysis", at, Set.of());
        return at;
    }

    private static JsonObject json(Path file) throws IOException {
        return JsonParser.parseString(Files.readString(file)).getAsJsonObject();
    }

    private static void requireFinite(String where, JsonElement of, Set<String> blanks) {
        if (of.isJsonObject()) {
            for (Map.Entry<String, JsonElement> entry : of.getAsJsonObject().entrySet()) {
                if (!blanks.contains(entry.getKey())) {
                    requireFinite(where + "." + entry.getKey(), entry.getValue(), blanks);
                }
            }
        } else if (of.isJsonArray()) {
            of.getAsJsonArray().forEach(element -> requireFinite(where, element, blanks));
        } else if (of.isJsonPrimitive() && of.getAsJsonPrimitive().isNumber()) {
            assertThat(of.getAsDouble()).as(where).isFinite();
        } else {
            assertThat(of.isJsonNull()).as(where + " is blank").isFalse();
        }
    }
}
