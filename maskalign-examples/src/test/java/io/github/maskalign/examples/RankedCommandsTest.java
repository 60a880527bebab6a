package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.distributed.MpiRun;
import io.github.maskalign.core.train.KillAndResume;
import io.github.maskalign.examples.CommandFailure.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands as a user starts them under mpirun, next to one process. */
@Tag("slow")
class RankedCommandsTest {
    private static final List<String> STATE = List.of("weights", "ema", "exp_avg", "exp_avg_sq");

    @TempDir
    Path folder;

    @BeforeAll
    static void assumeMpi() {
        MpiRun.assumeInstalled();
    }

    @Test
    void twoProcessesTrainAndSampleAsOne() throws Exception {
        MpiRun.Result two = ranks(2, train("two", 6));
        MpiRun.Result one = ranks(1, train("one", 6));
        MpiRun.Result halves = ranks(1, train("halves", 6, "--set=train.accumulation=2"));

        assertThat(two.exitCode()).as(two.text()).isZero();
        assertThat(two.text()).contains("2 ranks by Open MPI v");
        assertThat(two.text().lines().filter(line -> line.contains("at step 0 of 6")))
                .as("only rank 0 logs")
                .hasSize(1);
        assertThat(one.exitCode()).as(one.text()).isZero();
        assertThat(halves.exitCode()).as(halves.text()).isZero();
        List<JsonObject> ours = statistics("two");
        List<JsonObject> theirs = statistics("one");
        assertThat(ours).hasSize(6);
        for (int i = 0; i < 6; i++) {
            for (String name : List.of("loss", "loss/velocity", "loss/class", "loss/align", "grad_norm")) {
                // float32 sums of 8 samples in another order
                assertThat(ours.get(i).get(name).getAsDouble())
                        .as("step %d %s", i + 1, name)
                        .isCloseTo(theirs.get(i).get(name).getAsDouble(), Offset.offset(2e-5));
            }
        }
        for (String file : STATE) {
            String name = "checkpoints/state-0000006/" + file + ".safetensors";
            assertThat(folder.resolve("two").resolve(name))
                    .as("a sum of two numbers has one order")
                    .hasSameBinaryContentAs(folder.resolve("halves").resolve(name));
        }

        MpiRun.Result shared = ranks(3, sample("shared.png"));
        MpiRun.Result alone = ranks(1, sample("alone.png"));

        assertThat(shared.exitCode()).as(shared.text()).isZero();
        assertThat(alone.exitCode()).as(alone.text()).isZero();
        assertThat(folder.resolve("shared.png")).hasSameBinaryContentAs(folder.resolve("alone.png"));

        MpiRun.Result files = ranks(3, sample("shared", "--folder"));
        MpiRun.Result single = ranks(1, sample("alone", "--folder"));

        assertThat(files.exitCode()).as(files.text()).isZero();
        assertThat(single.exitCode()).as(single.text()).isZero();
        for (String file : List.of("000000.png", "000003.png", "000005.png", "provenance.json", "protocols.json")) {
            assertThat(folder.resolve("shared").resolve(file))
                    .hasSameBinaryContentAs(folder.resolve("alone").resolve(file));
        }
    }

    @Test
    void rankZeroEvaluatesWhileTheOthersWait() throws Exception {
        MpiRun.Result scored = ranks(
                2,
                train(
                        "scored",
                        5,
                        "--set=evaluate.every=2",
                        "--set=evaluate.samples=12",
                        "--set=evaluate.steps=2",
                        "--set=evaluate.referencePictures=60"));
        MpiRun.Result plain = ranks(2, train("plain", 5));

        assertThat(scored.exitCode()).as(scored.text()).isZero();
        assertThat(plain.exitCode()).as(plain.text()).isZero();
        assertThat(statistics("scored").stream()
                        .filter(record -> record.has("eval/fd_embedded_teacher"))
                        .map(record -> record.get("step").getAsInt()))
                .containsExactly(0, 2, 4, 5);
        for (String file : STATE) {
            String name = "checkpoints/state-0000005/" + file + ".safetensors";
            assertThat(folder.resolve("scored").resolve(name))
                    .hasSameBinaryContentAs(folder.resolve("plain").resolve(name));
        }
    }

    @Test
    void aKilledProcessEndsTheOtherAndTheSameCommandGoesOn() throws Exception {
        try (MpiRun run = MpiRun.start(folder, 2, train("killed", 40))) {
            run.await(line -> line.contains("train 7/40"));
            ProcessHandle victim = run.ranks().get(1);
            long start = System.nanoTime();
            victim.destroyForcibly();
            MpiRun.Result result = run.result();

            assertThat(result.exitCode()).as(result.text()).isNotZero();
            assertThat(result.text()).contains("exited on signal 9").doesNotContain("COMPLETED");
            assertThat(TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start))
                    .isLessThan(30);
        }

        MpiRun.Result resumed = ranks(2, train("killed", 12));
        MpiRun.Result undisturbed = ranks(2, train("undisturbed", 12));

        assertThat(resumed.exitCode()).as(resumed.text()).isZero();
        assertThat(resumed.text()).contains("RESUMED at step ");
        assertThat(undisturbed.exitCode()).as(undisturbed.text()).isZero();
        for (String file : STATE) {
            String name = "checkpoints/state-0000012/" + file + ".safetensors";
            assertThat(folder.resolve("killed").resolve(name))
                    .hasSameBinaryContentAs(folder.resolve("undisturbed").resolve(name));
        }
    }

    @Test
    void aRunThatIsAskedToStopSavesWhereItIs() throws Exception {
        try (MpiRun run = MpiRun.start(folder, 2, 8, train("stopped", 400, "--set=train.saveEvery=0"))) {
            run.await(line -> line.contains("train 3/400"));
            run.terminate();
            MpiRun.Result result = run.result();

            assertThat(result.text()).contains("STOP_REQUESTED").doesNotContain("error:");
        }
        try (var states = Files.list(folder.resolve("stopped/checkpoints"))) {
            assertThat(states.filter(state -> state.getFileName().toString().startsWith("state-")))
                    .hasSize(1);
        }
    }

    @Test
    void whatRankZeroCannotDoEndsAllWithItsMessage() throws Exception {
        Files.writeString(folder.resolve("file"), "no folder");

        MpiRun.Result result = ranks(2, train("file", 6));

        assertThat(result.exitCode()).as(result.text()).isIn(ExitCode.FAILED, ExitCode.CANNOT_WRITE);
        assertThat(result.text())
                .contains("the run folder cannot be made")
                .contains("rank 0 of 2 failed, so this one ends");
    }

    private MpiRun.Result ranks(int ranks, List<String> program) throws Exception {
        try (MpiRun run = MpiRun.start(folder, ranks, program)) {
            return run.result();
        }
    }

    private List<String> train(String name, long steps, String... more) {
        List<String> arguments = new ArrayList<>(List.of(
                "train",
                Path.of("..", "configs", "emoji-32.yaml").toString(),
                "--out",
                folder.resolve(name).toString(),
                "--set=train.steps=" + steps,
                "--set=train.saveEvery=4",
                "--set=train.globalBatch=8",
                "--set=runtime.logEvery=1",
                "--set=runtime.threads=1",
                "--set=runtime.previewPictures=4",
                "--set=sample.steps=2"));
        arguments.addAll(List.of(more));
        return program(arguments);
    }

    private List<String> sample(String file) {
        return sample(file, "--out");
    }

    private List<String> sample(String file, String option) {
        return program(List.of(
                "sample",
                folder.resolve("two").toString(),
                "--num=6",
                "--batch=2", // the same batches for one process and for three
                "--steps=2",
                option + "=" + folder.resolve(file)));
    }

    private static List<String> program(List<String> arguments) {
        List<String> command = KillAndResume.jvm(Main.class, arguments.toArray(String[]::new));
        command.add(1, "-Dlogback.configurationFile=logback.xml"); // the program's, not the tests': it tells the steps
        return command;
    }

    private List<JsonObject> statistics(String run) throws IOException {
        List<JsonObject> lines = new ArrayList<>();
        for (String line : Files.readAllLines(folder.resolve(run).resolve("stats.jsonl"))) {
            lines.add(JsonParser.parseString(line).getAsJsonObject());
        }
        return lines;
    }
}
