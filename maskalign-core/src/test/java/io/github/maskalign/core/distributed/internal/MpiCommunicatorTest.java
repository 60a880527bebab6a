package io.github.maskalign.core.distributed.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.distributed.MpiRun;
import io.github.maskalign.core.distributed.RankProgram;
import java.nio.file.Path;
import java.util.Collections;
import java.util.concurrent.TimeUnit;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Real processes under Open MPI's mpirun. */
public class MpiCommunicatorTest {
    private static final Offset<Double> DOUBLE_ROUNDING = Offset.offset(1e-22); // three numbers of 1e-9 in float64

    @TempDir
    Path folder;

    @BeforeAll
    static void assumeMpi() {
        MpiRun.assumeInstalled();
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3})
    void ranksExchangeArraysAndBytes(int size) throws Exception {
        MpiRun.Result result = run(size, "all");

        assertThat(result.exitCode()).as(result.text()).isZero();
        assertEachRankSays(result, size, "float32", "true");
        assertEachRankSays(result, size, "int64", "[" + size * (size + 1) / 2 + ", " + size * (1L << 40) + "]");
        assertThat(result.lines("float64")).hasSize(size);
        assertThat(result.lines("float64").stream().mapToDouble(Double::parseDouble))
                .allSatisfy(sum -> assertThat(sum).isEqualTo(1e-9 * size * (size + 1) / 2, DOUBLE_ROUNDING));
        for (String bytes : new String[] {"4", "4000", "1048576"}) {
            assertEachRankSays(result, size, "buckets-" + bytes, "true");
        }
        assertEachRankSays(result, size, "large", "true");
        assertThat(result.lines("bits")).hasSize(size);
        assertThat(result.lines("bits"))
                .as("all ranks have the same bits")
                .containsOnly(result.lines("bits").get(0));
        assertEachRankSays(result, size, "broadcast", "true");
        assertEachRankSays(result, size, "bytes", "[1, 2, 0]");
        assertEachRankSays(result, size, "gather", size == 2 ? "[[10, 0], [11, 0]]" : "[[10, 0], [11, 0], [12, 0]]");
        assertEachRankSays(result, size, "gather-nothing", "" + size);
        for (int rank = 0; rank < size; rank++) {
            assertThat(result.lines("who")).contains(rank + "/" + size + " local " + rank);
        }
        assertThat(result.lines("what")).allSatisfy(what -> assertThat(what).startsWith("Open MPI v"));
    }

    @Test
    void badCallsAreRefusedAndHarmNothing() throws Exception {
        MpiRun.Result result = run(2, "all");

        assertEachRankSays(
                result,
                2,
                "refused-view",
                "only a contiguous array can travel between ranks but (5, 3) is a view with other strides");
        assertEachRankSays(
                result,
                2,
                "refused-type",
                "only FLOAT32, FLOAT64 and INT64 can be summed over ranks but the array is uint8");
        assertEachRankSays(result, 2, "refused-root", "root must be in [0, 2) but was 2");
        assertEachRankSays(
                result, 2, "refused-second", "MPI can be started once in a process, and it was started before");
        assertEachRankSays(result, 2, "nobody", "false");
        assertEachRankSays(result, 2, "somebody", "true");
        assertEachRankSays(result, 2, "together", "fine");
    }

    @Test
    void whenOneFailsTheOthersEndAndNameIt() throws Exception {
        MpiRun.Result result = run(3, "one-fails");

        assertThat(result.exitCode()).as(result.text()).isEqualTo(7);
        assertThat(result.lines("exception"))
                .as(result.text())
                .containsExactly(
                        "rank 2 of 3 failed, so this one ends: shard 7 cannot be read: é",
                        "rank 2 of 3 failed, so this one ends: shard 7 cannot be read: é",
                        "shard 7 cannot be read: é");
        assertEachRankSays(result, 3, "known", "true");
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3})
    void sumsThatTravelWhileRanksComputeHaveTheBitsOfSumsAtTheEnd(int size) throws Exception {
        MpiRun.Result result = run(size, "gradual");

        assertThat(result.exitCode()).as(result.text()).isZero();
        assertEachRankSays(result, size, "gradual-same", "true");
        assertThat(result.lines("gradual-bits").stream().distinct()).hasSize(1);
    }

    @Test
    void whenOneFailsWhileSumsTravelTheOthersEndAndNameIt() throws Exception {
        MpiRun.Result result = run(3, "gradual-fails");

        assertThat(result.exitCode()).as(result.text()).isEqualTo(7);
        assertThat(result.lines("exception"))
                .as(result.text())
                .containsExactly(
                        "rank 2 of 3 failed, so this one ends: the device is lost",
                        "rank 2 of 3 failed, so this one ends: the device is lost",
                        "the device is lost");
        assertEachRankSays(result, 3, "known", "true");
    }

    @Test
    void ranksWithOtherSettingsAreRefused() throws Exception {
        MpiRun.Result result = run(2, "differ");

        assertEachRankSays(
                result,
                2,
                "exception",
                "the settings must be the same on every rank but is 0001 on rank 0 and 0101 on rank 1");
    }

    @Test
    void theLibraryStaysWhenNobodyHoldsItAnyMore() throws Exception {
        MpiRun.Result result = run(2, "forgotten");

        assertThat(result.exitCode()).as(result.text()).isZero();
        assertThat(result.text().lines().filter("still here"::equals)).hasSize(2);
    }

    @Test
    void aRankThatNeverComesEndsAllAfterPatience() throws Exception {
        long start = System.nanoTime();

        MpiRun.Result result = run(2, "wait-for-ever", "2");

        assertThat(result.exitCode()).isNotZero();
        assertThat(result.text())
                .contains("rank 0 of 2: MPI_Barrier has not come to an end for 2 s; another rank is gone or stuck");
        assertThat(TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start)).isLessThan(30);
    }

    @Test
    void aKilledRankTakesTheOthersAlong() throws Exception {
        try (MpiRun run = MpiRun.start(folder, 2, RankProgram.class, "wait-for-ever")) {
            String victim = run.await(line -> line.startsWith("process 1 "));
            long start = System.nanoTime();
            ProcessHandle.of(Long.parseLong(victim.split(" ")[2])).orElseThrow().destroyForcibly();

            MpiRun.Result result = run.result();

            assertThat(result.exitCode()).isNotZero();
            assertThat(result.text()).contains("exited on signal 9");
            assertThat(TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start))
                    .isLessThan(30);
        }
    }

    private MpiRun.Result run(int size, String... arguments) throws Exception {
        try (MpiRun run = MpiRun.start(folder, size, RankProgram.class, arguments)) {
            return run.result();
        }
    }

    private static void assertEachRankSays(MpiRun.Result result, int size, String word, String value) {
        assertThat(result.lines(word)).as(result.text()).isEqualTo(Collections.nCopies(size, value));
    }
}
