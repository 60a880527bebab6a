package io.github.maskalign.sit.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.files.internal.RunLock;
import io.github.maskalign.examples.ChildJvm;
import io.github.maskalign.examples.CommandRun;
import io.github.maskalign.examples.Main;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AnalysisTest {
    @TempDir
    static Path folder;

    private static Path aligned;
    private static Path plain;

    @TempDir
    Path out;

    private final CommandRun command = new CommandRun();

    @BeforeAll
    static void train() {
        aligned = folder.resolve("aligned");
        plain = folder.resolve("plain");
        train(aligned, "train.snapshotEvery=1");
        train(plain, "method=sit");
    }

    private static void train(Path run, String more) {
        CommandRun command = new CommandRun();
        List<Object> arguments = new ArrayList<>(List.of("train", "../configs/quickstart.yaml", "--out=" + run));
        for (String set : List.of(
                "data.sets=[fxemoji]",
                "data.cache=" + Path.of("target/emoji-cache").toAbsolutePath(),
                "model.hiddenSize=24",
                "model.depth=3",
                "model.numHeads=2",
                "train.globalBatch=8",
                "train.steps=2",
                "runtime.previewEvery=0",
                "runtime.previewPictures=1",
                "sample.steps=2",
                "evaluate.every=0")) {
            arguments.add("--set");
            arguments.add(set);
        }
        if (more.startsWith("method=")) {
            arguments.add("--method");
            arguments.add(more.substring("method=".length()));
        } else {
            arguments.addAll(List.of("--set", more, "--set", "align.projectorDim=32"));
        }
        assertThat(command.run(arguments.toArray())).as(command.err()).isZero();
    }

    private JsonObject analyze(Path to, Object... more) throws IOException {
        List<Object> arguments = new ArrayList<>(List.of("analyze", "--out=" + to));
        arguments.addAll(List.of(more));
        assertThat(command.run(arguments.toArray())).as(command.err()).isZero();
        assertThat(command.out().strip()).isEqualTo(to.resolve("analysis.json").toString());
        return read(to);
    }

    private static JsonObject read(Path folder) throws IOException {
        return JsonParser.parseString(Files.readString(folder.resolve("analysis.json")))
                .getAsJsonObject();
    }

    @Test
    void everyPartOfARunIsMeasuredAndShownInItsReport() throws IOException {
        JsonObject found = analyze(aligned.resolve("analysis"), aligned, "--pictures=24", "--times=0.3");

        // mirrored pictures are encoded anew, by the embedded autoencoder and teacher, or a note would say so
        assertThat(found.getAsJsonArray("notes")).hasSize(1);
        assertThat(found.getAsJsonArray("notes").get(0).getAsString()).startsWith("the untrained encoder is");
        JsonObject checkpoint = found.getAsJsonArray("checkpoints").get(0).getAsJsonObject();
        assertThat(checkpoint.get("step").getAsLong()).isEqualTo(2);
        assertThat(checkpoint.get("sha256").getAsString()).matches("[0-9a-f]{64}");
        JsonObject at = checkpoint.getAsJsonArray("times").get(0).getAsJsonObject();
        JsonObject gradients = at.getAsJsonObject("gradients");
        JsonObject full = gradients.getAsJsonObject("full");
        assertThat(full.get("top").getAsInt()).isEqualTo(6); // a tenth of 64
        int counted = 0;
        for (JsonElement count : full.getAsJsonArray("counts")) {
            counted += count.getAsInt();
        }
        assertThat(counted).isEqualTo(24 * 6);
        assertThat(full.getAsJsonObject("spread").getAsJsonObject("chance").has("p"))
                .isTrue();
        assertThat(gradients.getAsJsonObject("masked").get("top").getAsInt()).isEqualTo(5); // of 48
        JsonObject factors = gradients.getAsJsonObject("factors");
        assertThat(factors.get("productDeviation").getAsDouble()).isLessThan(1e-5);
        double shares = 0;
        for (String factor : List.of("angle", "inverseNorm", "gain")) {
            shares += factors.getAsJsonObject(factor)
                    .getAsJsonObject("share")
                    .get("value")
                    .getAsDouble();
        }
        assertThat(shares).isCloseTo(1, within(1e-5));
        assertThat(gradients.getAsJsonObject("controls").keySet())
                .containsExactly(
                        "permutedTargets",
                        "untrainedEncoder",
                        "mirroredPictures",
                        "untrainedModel",
                        "denoisingGradient");
        JsonObject stability = at.getAsJsonObject("stability");
        double total = stability.getAsJsonObject("total").get("value").getAsDouble();
        double rest = stability.getAsJsonObject("corrected").get("value").getAsDouble();
        assertThat(rest + stability.getAsJsonObject("artefact").get("value").getAsDouble())
                .isCloseTo(total, within(1e-9));
        assertThat(at.getAsJsonArray("taps")).hasSize(4);
        assertThat(at.getAsJsonArray("taps").get(3).getAsJsonObject().keySet())
                .containsExactly("tap", "similarity", "spatial", "probe");
        assertThat(at.getAsJsonArray("conflict")).hasSize(3);
        assertThat(found.getAsJsonArray("pictures")).hasSize(3);
        for (JsonElement picture : found.getAsJsonArray("pictures")) {
            assertThat(aligned.resolve("analysis")
                            .resolve(picture.getAsJsonObject().get("file").getAsString()))
                    .isNotEmptyFile();
        }

        assertThat(command.run("report", aligned, "--out=" + out.resolve("page.html")))
                .as(command.err())
                .isZero();
        assertThat(Files.readString(out.resolve("page.html")))
                .contains("<h2>Analysis of aligned</h2>", "Kendall’s W", "Likeness to the encoder", "data:image/png");

        Files.writeString(out.resolve("x"), "{}");
        Path broken =
                Files.createDirectories(out.resolve("copy").resolve("analysis")).resolve("analysis.json");
        for (String file : List.of("config.yaml", "stats.jsonl", "provenance.json")) {
            Files.copy(aligned.resolve(file), out.resolve("copy").resolve(file));
        }
        Files.writeString(broken, "{\"pictures\": []}");
        assertThat(command.run("report", out.resolve("copy"))).isNotZero();
        assertThat(command.err()).contains("analysis.json", "is no result of 'maskalign analyze'");
    }

    @Test
    void otherBatchesGiveTheSameNumbersAndTheSameCommandTheSameBytes() throws IOException {
        Object[] arguments = {aligned, "--what=gradients,stability", "--pictures=24", "--times=0.5"};
        JsonObject first = analyze(out.resolve("a"), with(arguments, "--batch=24"));
        JsonObject other = analyze(out.resolve("b"), with(arguments, "--batch=7"));
        analyze(out.resolve("c"), with(arguments, "--batch=24"));

        assertThat(Files.readAllBytes(out.resolve("c/analysis.json")))
                .isEqualTo(Files.readAllBytes(out.resolve("a/analysis.json")));
        same("", first, other);
    }

    private static Object[] with(Object[] arguments, Object more) {
        List<Object> all = new ArrayList<>(List.of(arguments));
        all.add(more);
        return all.toArray();
    }

    private static void same(String where, JsonElement a, JsonElement b) {
        if (a.isJsonObject()) {
            assertThat(a.getAsJsonObject().keySet())
                    .isEqualTo(b.getAsJsonObject().keySet());
            a.getAsJsonObject().entrySet().forEach(entry -> {
                // rounding itself, and names that are digests of all numbers
                if (!List.of("productDeviation", "file").contains(entry.getKey())) {
                    same(
                            where + "." + entry.getKey(),
                            entry.getValue(),
                            b.getAsJsonObject().get(entry.getKey()));
                }
            });
        } else if (a.isJsonArray()) {
            assertThat(a.getAsJsonArray()).as(where).hasSameSizeAs(b.getAsJsonArray());
            for (int i = 0; i < a.getAsJsonArray().size(); i++) {
                same(
                        where + "." + i,
                        a.getAsJsonArray().get(i),
                        b.getAsJsonArray().get(i));
            }
        } else if (a.isJsonPrimitive() && a.getAsJsonPrimitive().isNumber()) {
            double expected = a.getAsDouble();
            assertThat(b.getAsDouble()).as(where).isCloseTo(expected, within(1e-3 * Math.abs(expected) + 1e-6));
        } else {
            assertThat(b).as(where).isEqualTo(a);
        }
    }

    @Test
    void checkpointsAreComparedAndARunWithoutProjectorsSaysWhatItLacks() throws IOException {
        JsonObject found = analyze(
                out.resolve("all"),
                aligned,
                "--checkpoints=all",
                "--what=gradients",
                "--pictures=24",
                "--times=0.2,0.8");
        assertThat(found.getAsJsonArray("checkpoints")).hasSize(2);
        assertThat(found.getAsJsonArray("relations")).hasSize(8); // 2 of times and 2 of checkpoints, masked or not

        JsonObject sit = analyze(out.resolve("sit"), plain, "--pictures=24", "--times=0.5");
        assertThat(sit.getAsJsonArray("notes").toString())
                .contains("without an encoder", "similarity is to the embedded teacher", "--like");
        JsonObject at = sit.getAsJsonArray("checkpoints")
                .get(0)
                .getAsJsonObject()
                .getAsJsonArray("times")
                .get(0)
                .getAsJsonObject();
        assertThat(at.keySet()).containsExactly("t", "velocityLoss", "taps");
        assertThat(at.getAsJsonArray("taps").get(0).getAsJsonObject().keySet())
                .containsExactly("tap", "similarity", "spatial", "probe"); // to the embedded teacher

        JsonObject like = analyze(
                out.resolve("like"),
                plain,
                "--like=" + aligned,
                "--what=similarity,gradients",
                "--pictures=24",
                "--times=0.5");
        assertThat(like.getAsJsonArray("notes").toString()).contains("plain, step 2 has no projectors");
        assertThat(like.getAsJsonArray("checkpoints")
                        .get(0)
                        .getAsJsonObject()
                        .getAsJsonArray("times")
                        .get(0)
                        .getAsJsonObject()
                        .getAsJsonArray("taps")
                        .get(2)
                        .getAsJsonObject()
                        .keySet())
                .containsExactly("tap", "similarity");
    }

    @Test
    void weightsOfAnyProjectAreAnalysedLikeARun() throws IOException {
        Path file = out.resolve("official.safetensors");
        assertThat(command.run("convert", aligned, file)).as(command.err()).isZero();

        assertThat(command.run("analyze", file, "--pictures=24", "--out=" + out.resolve("x")))
                .isEqualTo(2);
        assertThat(command.err()).contains("official.safetensors belongs to no run", "--like");

        JsonObject own = analyze(out.resolve("own"), aligned, "--what=stability", "--pictures=24", "--times=0.5");
        JsonObject elsewhere = analyze(
                out.resolve("file"), file, "--like=" + aligned, "--what=stability", "--pictures=24", "--times=0.5");
        assertThat(elsewhere
                        .getAsJsonArray("checkpoints")
                        .get(0)
                        .getAsJsonObject()
                        .get("times"))
                .isEqualTo(own.getAsJsonArray("checkpoints")
                        .get(0)
                        .getAsJsonObject()
                        .get("times"));
    }

    @Test
    void badInputIsToldInOneSentenceAndWritesNothing() {
        Path to = out.resolve("none");
        refused(
                to,
                "nothing of [gradients] can be measured: without an encoder",
                plain,
                "--what=gradients",
                "--pictures=24");
        refused(to, "is neither the folder of a run nor a file of weights", folder.resolve("absent"));
        refused(to, "times must be in [0, 1] but one was 1.2", aligned, "--times=0.5,1.2");
        refused(to, "times must be different numbers", aligned, "--times=0.5,0.5");
        refused(to, "an analysis needs at least 24 pictures but was asked for 23", aligned, "--pictures=23");
        refused(to, "pictures but 100000 were asked for: ask for fewer", aligned, "--pictures=100000");
        refused(to, "masks must be at least 1 but was 0", aligned, "--masks=0");
        refused(to, "--what must be some of gradients", aligned, "--what=gradient");
        refused(to, "which has [1, 2], but '3' was given", aligned, "--checkpoints=1,3");
        assertThat(to).doesNotExist();
    }

    private void refused(Path to, String message, Object... arguments) {
        List<Object> all = new ArrayList<>(List.of("analyze", "--out=" + to));
        all.addAll(List.of(arguments));
        assertThat(command.run(all.toArray())).as(message).isEqualTo(2);
        assertThat(command.err()).contains(message);
    }

    @Test
    @Tag("slow")
    void aKilledAnalysisLeavesTheOneBeforeItWhole() throws Exception {
        SplittableRandom random = new SplittableRandom(Long.getLong("test.seed", 20260608L));
        Path to = out.resolve("killed");
        long began = System.nanoTime();
        Process process = start(to, 0);
        assertThat(process.waitFor()).isZero();
        long took = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began); // machines differ
        int kills = 0;
        for (int seed = 1; seed <= 12; seed++) {
            Process again = start(to, seed);
            if (!again.waitFor(random.nextLong(took / 4, took), TimeUnit.MILLISECONDS)) {
                again.destroyForcibly().waitFor();
                kills++;
            }
            for (JsonElement picture : read(to).getAsJsonArray("pictures")) {
                assertThat(to.resolve(picture.getAsJsonObject().get("file").getAsString()))
                        .isNotEmptyFile();
            }
        }
        assertThat(kills).isPositive();
    }

    @Test
    void twoAnalysesDoNotShareAFolder() throws IOException {
        Path to = out.resolve("taken");
        try (RunLock other = RunLock.acquire(to)) {
            assertThat(command.run(
                            "analyze", aligned, "--what=stability", "--pictures=24", "--times=0.5", "--out=" + to))
                    .isNotZero();
        }
        assertThat(command.err()).contains(to + " is in use by", "choose another folder");
        assertThat(to.resolve("analysis.json")).doesNotExist();
    }

    private Process start(Path to, int seed) throws IOException {
        return ChildJvm.builder(
                        Main.class,
                        "analyze",
                        aligned.toString(),
                        "--what=gradients",
                        "--pictures=24",
                        "--times=0.5",
                        "--seed=" + seed,
                        "--out=" + to)
                .redirectErrorStream(true)
                .redirectOutput(out.resolve("said-" + seed + ".txt").toFile())
                .start();
    }
}
