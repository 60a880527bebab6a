package io.github.maskalign.sit.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonParser;
import io.github.maskalign.core.config.ConfigPresets;
import io.github.maskalign.core.engine.DeviceCounts;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.train.KillAndResume;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.examples.Main;
import io.github.maskalign.sit.run.internal.RunPrecision;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Training on a GPU: every method in every precision, stopped, killed, and with gradients of several micro-batches. */
@Tag("fakegpu")
class GpuRunsTest {
    @TempDir
    Path root;

    static Stream<Arguments> methods() {
        return ConfigPresets.of(RunConfig.class).orElseThrow().names().stream()
                .flatMap(method -> Stream.of(RunPrecision.values()).map(p -> Arguments.of(method, p)));
    }

    @ParameterizedTest
    @MethodSource("methods")
    void trainsAndGoesOn(String method, RunPrecision precision) throws IOException {
        List<String> settings =
                with(CountedRun.TINY, "method=" + method, "runtime.precision=" + precision, "train.steps=3");
        String config = "emoji-32.yaml";
        if (method.equals("repa-e")) { // pixels have no autoencoder
            config = "quickstart.yaml";
            settings = with(settings, "data.classes=[]", "model.patchSize=2");
        }

        assertThat(CountedRun.train(config, root, 1, settings).reason()).isEqualTo(StopReason.STOP_REQUESTED);
        CountedRun rest = CountedRun.train(config, root, 0, settings);

        assertThat(rest.reason()).isEqualTo(StopReason.COMPLETED);
        List<String> lines = Files.readAllLines(root.resolve("stats.jsonl"));
        assertThat(lines).hasSizeGreaterThanOrEqualTo(3).noneMatch(line -> line.matches(".*(NaN|Infinity).*"));
        DeviceCounts step = rest.counts().get(3L);
        System.out.println(step.line(method + " " + precision));
        assertThat(step.operations()).isGreaterThan(100); // the work is done there
        assertThat(step.otherDevice()).isZero();
        assertThat(step.uploads()).as("copies that are waited for").isZero();
    }

    /** The kernels are the CPU's, so nothing may differ but the ways that are meant for GPUs. */
    @Test
    void lossesAreThoseOfTheProcessor() throws IOException {
        List<String> settings = with(CountedRun.TINY, "train.steps=4", "train.accumulation=2");
        Path there = root.resolve("gpu");
        Path here = root.resolve("cpu");

        CountedRun.train("emoji-32.yaml", there, 0, settings);
        CountedRun.train("emoji-32.yaml", here, 0, with(settings, "runtime.device=cpu"));

        List<Double> expected = losses(here);
        List<Double> found = losses(there);
        assertThat(expected).hasSize(4);
        for (int i = 0; i < expected.size(); i++) {
            assertThat(found.get(i)).isCloseTo(expected.get(i), within(1e-5 * Math.abs(expected.get(i))));
        }
    }

    @Test
    void killedItEndsWithTheSameBits() throws Exception {
        Path whole = root.resolve("whole");
        Path killed = root.resolve("killed");
        Path errors = root.resolve("errors.txt");

        harness(whole, 0).run(errors);
        assertThat(harness(killed, 2).run(errors)).hasSize(3);

        for (String file : List.of("snapshot-0000030.safetensors", "checkpoints/state-0000030/exp_avg.safetensors")) {
            assertThat(Digests.sha256(killed.resolve(file))).isEqualTo(Digests.sha256(whole.resolve(file)));
        }
    }

    private KillAndResume harness(Path run, int kills) {
        List<String> java = KillAndResume.jvm(
                Main.class,
                "train",
                Path.of("..", "configs", "emoji-32.yaml").toString(),
                "--out=" + run,
                "--set=runtime.device=gpu",
                "--set=train.steps=30");
        CountedRun.TINY.forEach(setting -> java.add("--set=" + setting));
        java.add("--set=train.saveEvery=2");
        java.add(1, "-Dlogback.configurationFile=logback.xml"); // the program's, not the tests': it tells the steps
        List<String> command = new ArrayList<>(List.of("bash", "-c", "exec \"$@\" 2>&1", "bash"));
        command.addAll(java);
        return new KillAndResume(
                command,
                line -> line.contains(" train ") && line.contains("/30"),
                kills,
                8, // twice at most 8 steps and what 100 ms allow leave the 30 unfinished
                100,
                new SplittableRandom(20261129));
    }

    private static List<Double> losses(Path run) throws IOException {
        return Files.readAllLines(run.resolve("stats.jsonl")).stream()
                .map(line -> JsonParser.parseString(line).getAsJsonObject())
                .filter(row -> row.has("loss"))
                .map(row -> row.get("loss").getAsDouble())
                .toList();
    }

    private static List<String> with(List<String> settings, String... more) {
        return Stream.concat(settings.stream(), Stream.of(more)).toList();
    }
}
