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

    /** Methods whose networks predict noise. */
    private static final Set<String> NOISE = Set.of("dit", "mdtv2");

    /** Blanks of one seed: nobody knows the spread of one number, nor what it could detect. */
    private static final Set<String> OF_ONE_SEED = Set.of("sd", "low", "high", "detectable");

    /** The jackknife needs groups of samples. */
    private static final Set<String> OF_FEW_SAMPLES = Set.of("error");

    @TempDir
    Path root;

    private final CommandRun command = new CommandRun();

    static List<String> others() {
        List<String> ids =
                new ArrayList<>(ConfigPresets.of(RunConfig.class).orElseThrow().names());
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
        Path out = compare(method, on(method, method), other, on(method, other));
        Path run = out.resolve("cells/" + method + "-seed0");

        JsonObject results = json(out.resolve("results.json"));
        assertThat(results.getAsJsonObject("failed").keySet()).isEmpty();
        Set<String> variants = new TreeSet<>();
        results.getAsJsonArray("rows")
                .forEach(
                        row -> variants.add(row.getAsJsonObject().get("variant").getAsString()));
        assertThat(variants).containsExactlyInAnyOrder(method, other);
        requireFinite("results", results, OF_ONE_SEED);
        assertThat(text(out.resolve("comparison.html"))).doesNotContain("NaN", "Infinity");

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
        JsonObject at = time(found, 0);
        boolean aligns =
                found.getAsJsonArray("checkpoints").get(0).getAsJsonObject().has("tap");
        boolean convolves = method.equals("irepa"); // its projector needs the whole grid: no masked forward
        assertThat(at.has("gradients")).isEqualTo(aligns);
        assertThat(at.has("conflict")).isEqualTo(aligns);
        assertThat(at.has("stability")).isEqualTo(aligns && !convolves);
        assertThat(at.has(NOISE.contains(method) ? "noiseLoss" : "velocityLoss"))
                .isTrue();
        assertThat(at.getAsJsonArray("taps")).hasSize(5);
        at.getAsJsonArray("taps")
                .forEach(tap -> assertThat(tap.getAsJsonObject().keySet())
                        .containsExactly("tap", "similarity", "spatial", "probe"));

        run("report", run, "--out=" + root.resolve("page.html"));
        String page = text(root.resolve("page.html"));
        assertThat(page)
                .contains("<h2>Analysis of ", "Likeness to the encoder")
                .contains("<tr><th scope=\"row\">" + (NOISE.contains(method) ? "noise loss" : "velocity loss"))
                .doesNotContain("NaN", "Infinity");
        assertThat(page.contains("velocity loss</th>")).isNotEqualTo(NOISE.contains(method));
    }

    /** What a variant is, on pixels; where a method trains an autoencoder, both are on its latents. */
    private static List<String> on(String method, String variant) {
        List<String> all = new ArrayList<>(List.of("method=" + variant));
        if (method.equals("repa-e")) {
            all.addAll(List.of("data.space=LATENTS", "model.inputSize=16", "model.inChannels=4", "model.patchSize=2"));
        }
        return all;
    }

    /** Alignment on DiT, and beside generated features: all parts, and the same pictures for both. */
    @Test
    @Tag("slow")
    void anAlignmentIsAnalysedInFullWhateverItsModelPredicts() throws IOException {
        Path cells = compare(
                        "repa-dit",
                        List.of("method=repa", "diffusion.process=DDPM", "sample.method=DDPM"),
                        "redi-repa",
                        List.of("method=redi", "align.enabled=true"))
                .resolve("cells");

        JsonObject found = analyse(cells.resolve("repa-dit-seed0"), cells.resolve("redi-repa-seed0"));

        List<Set<String>> losses = List.of(Set.of("noiseLoss", "vlbLoss"), Set.of("velocityLoss", "featuresLoss"));
        for (int i = 0; i < 2; i++) {
            JsonObject at = time(found, i);
            assertThat(at.keySet()).containsAll(losses.get(i)).contains("gradients", "stability", "taps", "conflict");
            JsonObject gradients = at.getAsJsonObject("gradients");
            assertThat(gradients
                            .getAsJsonObject("factors")
                            .get("productDeviation")
                            .getAsDouble())
                    .isLessThan(1e-4); // float32
            assertThat(gradients.getAsJsonObject("controls").keySet())
                    .containsExactly(
                            "permutedTargets",
                            "untrainedEncoder",
                            "mirroredPictures",
                            "untrainedModel",
                            "denoisingGradient");
        }
        assertThat(found.getAsJsonArray("checkpoints")
                        .get(0)
                        .getAsJsonObject()
                        .get("process")
                        .getAsString())
                .isEqualTo("DDPM");
        assertThat(found.getAsJsonArray("relations")).isNotEmpty(); // of one run's map and the other's

        Path file = root.resolve("converted.safetensors");
        run("convert", cells.resolve("repa-dit-seed0"), file);
        JsonObject elsewhere = json(analysis(file)
                .withLike(cells.resolve("repa-dit-seed0"))
                .withParts(EnumSet.of(Part.STABILITY))
                .write(root.resolve("elsewhere")));
        assertThat(time(elsewhere, 0).get("stability")).isEqualTo(time(found, 0).get("stability"));
        assertThat(time(elsewhere, 0).get("noiseLoss")).isEqualTo(time(found, 0).get("noiseLoss"));
    }

    @Test
    @Tag("slow")
    void eachEncoderAndEachDepthHasItsOwnNumbers() throws IOException {
        Path cells = compare(
                        "two",
                        List.of("method=repa", "moreEncoders=[{kind: EMBEDDED, width: 128}]", "align.depths=[1, 3]"),
                        "depths",
                        List.of("method=repa", "align.depths=[1, 3]"))
                .resolve("cells");
        Analysis two = analysis(cells.resolve("two-seed0")).withParts(EnumSet.of(Part.GRADIENTS, Part.SIMILARITY));

        JsonObject first = json(two.write(root.resolve("first")));
        JsonObject all = json(two.withEncoders("all").write(root.resolve("all")));
        JsonObject second = json(two.withEncoders("2").write(root.resolve("second")));
        JsonObject depths = analyse(cells.resolve("depths-seed0"));

        assertThat(names(first)).containsExactly("two-seed0, step 2, encoder 1");
        assertThat(names(all)).containsExactly("two-seed0, step 2, encoder 1", "two-seed0, step 2, encoder 2");
        assertThat(taps(all)).containsExactly(1, 3);
        assertThat(time(all, 0)).isEqualTo(time(first, 0)).isNotEqualTo(time(all, 1));
        assertThat(time(all, 1)).isEqualTo(time(second, 0));
        assertThat(all.getAsJsonArray("moreEncoders")).hasSize(1);
        assertThat(names(depths)).containsExactly("depths-seed0, step 2, depth 1", "depths-seed0, step 2, depth 3");
        assertThat(taps(depths)).containsExactly(1, 3);
        assertThat(time(depths, 0).getAsJsonArray("taps")).hasSize(5);
        assertThat(time(depths, 1).getAsJsonArray("taps")).as("looked at once").isEmpty();
        assertThat(time(depths, 0).getAsJsonArray("conflict")).hasSize(2); // embedders, and the block up to the tap
        assertThat(time(depths, 1).getAsJsonArray("conflict")).hasSize(4);

        assertThat(command.run("analyze", cells.resolve("two-seed0"), "--encoder=3", "--pictures=24"))
                .isEqualTo(2);
        assertThat(command.err())
                .contains(
                        "--encoder must be all or the number of an encoder, 1 to 2 (2 is moreEncoders[0]), but was 3");
    }

    private static List<String> names(JsonObject found) {
        List<String> names = new ArrayList<>();
        found.getAsJsonArray("checkpoints")
                .forEach(one -> names.add(one.getAsJsonObject().get("name").getAsString()));
        return names;
    }

    private static List<Integer> taps(JsonObject found) {
        List<Integer> taps = new ArrayList<>();
        found.getAsJsonArray("checkpoints")
                .forEach(one -> taps.add(one.getAsJsonObject().get("tap").getAsInt()));
        return taps;
    }

    /** What a page says, without its pictures. */
    private static String text(Path page) throws IOException {
        return Files.readString(page).replaceAll("data:image/[^\"]*", "");
    }

    private Path compare(String name, List<String> set, String other, List<String> otherSet) throws IOException {
        Path plan = root.resolve("plan.yaml");
        Files.writeString(
                plan,
                EMOJI.formatted(
                        Path.of("..", "configs", "emoji-32.yaml").toAbsolutePath(),
                        Path.of("target", "emoji-cache").toAbsolutePath(),
                        name,
                        "\"" + String.join("\", \"", set) + "\"",
                        other,
                        "\"" + String.join("\", \"", otherSet) + "\""));
        Path out = root.resolve("out");
        run("compare", plan, "--out=" + out);
        return out;
    }

    private void run(Object... arguments) {
        assertThat(command.run(arguments)).as(command.err()).isZero();
    }

    private static Analysis analysis(Path... runs) {
        return Analysis.of(List.of(runs))
                .withPictures(24)
                .withTimes(List.of(0.5))
                .withWork(24, 20)
                .withSurroundings(Path.of("target", "emoji-cache"), Progress.Display.LOG);
    }

    private static JsonObject analyse(Path... runs) throws IOException {
        return json(analysis(runs).write(runs[0].resolve("analysis")));
    }

    private static JsonObject time(JsonObject found, int checkpoint) {
        JsonObject at = found.getAsJsonArray("checkpoints")
                .get(checkpoint)
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
