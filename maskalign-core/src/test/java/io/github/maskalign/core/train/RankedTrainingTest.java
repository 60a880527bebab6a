package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.distributed.MpiRun;
import io.github.maskalign.core.files.SafetensorsFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Training in real processes under mpirun. */
class RankedTrainingTest {
    private static final List<String> FILES = List.of("weights", "ema", "exp_avg", "exp_avg_sq");

    @TempDir
    Path folder;

    @BeforeAll
    static void assumeMpi() {
        MpiRun.assumeInstalled();
    }

    @Test
    void everyDivisionOfTheBatchTrainsTheSame() throws Exception {
        alone("whole", 6, 8, 1);
        alone("accumulated", 6, 8, 2);
        MpiRun.Result two = ranks(2, "two", 6, 8, "nothing");
        MpiRun.Result three = ranks(3, "three", 6, 8, "nothing");

        assertThat(two.exitCode()).as(two.text()).isZero();
        assertThat(three.exitCode()).as(three.text()).isZero();
        assertThat(two.lines("end")).containsExactly("0 COMPLETED 6", "1 COMPLETED 6");
        for (String file : FILES) {
            // a sum of two numbers has one order: not even the rounding differs
            assertThat(state("two", 6, file)).hasSameBinaryContentAs(state("accumulated", 6, file));
            // micro-batches of 8, 4 and 3 samples: sums in another order, in float32
            assertClose(state("two", 6, file), state("whole", 6, file));
            assertClose(state("three", 6, file), state("whole", 6, file));
        }
        assertThat(two.text()).contains("step 0 6 true").contains("step 1 6 true");
        assertThat(two.lines("step").stream()
                        .map(RankedTrainingTest::withoutRank)
                        .distinct())
                .as("both ranks report the same losses")
                .hasSize(6);
        assertThat(two.lines("step")).allSatisfy(line -> assertThat(line).endsWith("true"));
    }

    @Test
    void aNumberThatIsNotFiniteOnOneRankSkipsTheStepOnAll() throws Exception {
        MpiRun.Result result = ranks(2, "nan", 6, 8, "nan");

        assertThat(result.exitCode()).as(result.text()).isZero();
        assertThat(result.lines("step").stream()
                        .filter(line -> line.contains("false"))
                        .map(line -> line.substring(0, 9)))
                .containsExactly("0 4 false", "1 4 false");
        assertThat(result.lines("end")).containsExactly("0 COMPLETED 6", "1 COMPLETED 6");
    }

    @Tag("slow")
    @Test
    void aWishToStopOnOneRankStopsAllAndAnotherNumberOfRanksGoesOn() throws Exception {
        MpiRun.Result stopped = ranks(2, "moved", 6, 8, "stops");

        assertThat(stopped.exitCode()).as(stopped.text()).isZero();
        assertThat(stopped.lines("end")).containsExactly("0 STOP_REQUESTED 4", "1 STOP_REQUESTED 4");

        MpiRun.Result resumed = ranks(3, "moved", 6, 8, "nothing");
        alone("whole", 6, 8, 1);

        assertThat(resumed.lines("start"))
                .as(resumed.text())
                .containsExactly("0 RESUMED 4", "1 RESUMED 4", "2 RESUMED 4");
        for (String file : FILES) {
            assertClose(state("moved", 6, file), state("whole", 6, file));
        }
    }

    @Test
    void aFailureOnOneRankEndsAllAndLeavesTheLastState() throws Exception {
        MpiRun.Result result = ranks(2, "failed", 6, 8, "fails");

        assertThat(result.exitCode()).as(result.text()).isEqualTo(5);
        assertThat(result.lines("exception"))
                .containsExactly(
                        "0 rank 1 of 2 failed, so this one ends: shard 7 cannot be read", "1 shard 7 cannot be read");
        assertThat(result.lines("end")).containsExactly("0 FAILED 3", "1 FAILED 3");
        assertThat(folder.resolve("failed/checkpoints/state-0000002")).isDirectory();
    }

    @Tag("slow")
    @Test
    void aKilledRankEndsAllAndTheSameCommandGoesOnToTheSameBits() throws Exception {
        long start;
        try (MpiRun run = start(2, "killed", 14, 8, "slow")) {
            String victim = run.await(line -> line.startsWith("process 1 "));
            run.await(line -> line.startsWith("step 0 5 "));
            start = System.nanoTime();
            ProcessHandle.of(Long.parseLong(victim.split(" ")[2])).orElseThrow().destroyForcibly();
            MpiRun.Result result = run.result();

            assertThat(result.exitCode()).isNotZero();
            assertThat(result.text()).contains("exited on signal 9").doesNotContain("COMPLETED");
            assertThat(TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start))
                    .isLessThan(30);
        }

        MpiRun.Result resumed = ranks(2, "killed", 14, 8, "nothing");
        alone("accumulated", 14, 8, 2);

        assertThat(resumed.lines("start").get(0)).as(resumed.text()).startsWith("0 RESUMED ");
        for (String file : FILES) {
            assertThat(state("killed", 14, file)).hasSameBinaryContentAs(state("accumulated", 14, file));
        }
    }

    private void alone(String name, long steps, int batch, int accumulation) throws IOException {
        TrainConfig config = new TrainConfig(
                steps, batch, accumulation, new TrainConfig.Saving(2, 2, 0), new TrainConfig.Skipping(2, 3));
        try (RunningTiny run = new RunningTiny(folder.resolve(name), config)) {
            run.loop().run();
        }
    }

    private MpiRun.Result ranks(int ranks, String name, long steps, int batch, String event) throws Exception {
        try (MpiRun run = start(ranks, name, steps, batch, event)) {
            return run.result();
        }
    }

    private MpiRun start(int ranks, String name, long steps, int batch, String event) throws IOException {
        return MpiRun.start(
                folder, ranks, RankedTraining.class, folder.resolve(name).toString(), "" + steps, "" + batch, event);
    }

    private Path state(String name, long step, String file) {
        return folder.resolve(name)
                .resolve(String.format("checkpoints/state-%07d", step))
                .resolve(file + ".safetensors");
    }

    private static void assertClose(Path actual, Path expected) throws IOException {
        Map<String, float[]> other = read(expected);
        read(actual).forEach((key, values) -> {
            float[] wanted = other.get(key);
            assertThat(values).as(key).hasSameSizeAs(wanted);
            for (int i = 0; i < values.length; i++) {
                if (key.equals("blocks.0.attn.qkv.bias") && i >= values.length / 3 && i < values.length / 3 * 2) {
                    continue; // the softmax ignores the keys' bias: Adam magnifies a gradient that is rounding alone
                }
                assertThat(values[i])
                        .as("%s[%d]", key, i)
                        .isCloseTo(wanted[i], within(2e-5f + 1e-4f * Math.abs(wanted[i])));
            }
        });
    }

    private static Map<String, float[]> read(Path path) throws IOException {
        Map<String, float[]> all = new TreeMap<>();
        try (SafetensorsFile file = SafetensorsFile.open(path);
                NDManager manager = NDManager.newBaseManager()) {
            for (String key : file.stateDict().keys()) {
                all.put(key, file.stateDict().get(key).read(manager).toFloatArray());
            }
        }
        return all;
    }

    private static String withoutRank(String line) {
        return line.substring(2);
    }
}
