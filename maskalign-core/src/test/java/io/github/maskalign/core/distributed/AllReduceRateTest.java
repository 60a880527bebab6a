package io.github.maskalign.core.distributed;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.distributed.internal.AllReduceRate;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Our sums next to the same call from C, taking turns; the figures are in docs/benchmarks.md. */
@Tag("slow")
class AllReduceRateTest {
    private static final String FLOATS = "130000000"; // the gradients of SiT-B/2
    private static final String REPETITIONS = "6";
    private static final int ROUNDS = 3;

    @TempDir
    Path folder;

    @Test
    void theBindingCostsNothingThatCountsBesideTheCall() throws Exception {
        MpiRun.assumeInstalled();
        Path program = compile();
        List<Double> c = new ArrayList<>();
        List<Double> java = new ArrayList<>();
        List<Double> buckets = new ArrayList<>();
        for (int i = 0; i < ROUNDS; i++) {
            try (MpiRun run = MpiRun.start(folder, 2, List.of(program.toString(), FLOATS, REPETITIONS))) {
                c.addAll(seconds(run.result()));
            }
            try (MpiRun run = MpiRun.start(folder, 2, AllReduceRate.class, FLOATS, REPETITIONS, "whole")) {
                java.addAll(seconds(run.result()));
            }
            try (MpiRun run = MpiRun.start(folder, 2, AllReduceRate.class, FLOATS, REPETITIONS, "buckets")) {
                buckets.addAll(seconds(run.result()));
            }
        }

        System.out.printf(
                "all-reduce of %s floats, 2 ranks: C %.3f s, in place from Java %.3f s (rate %.2f), in buckets %.3f s"
                        + " (rate %.2f)%n",
                FLOATS,
                median(c),
                median(java),
                median(c) / median(java),
                median(buckets),
                median(c) / median(buckets));
        // 0.95 on an idle machine; other programs on the same cores disturb one side more than the other
        assertThat(median(c) / median(java)).isGreaterThan(0.6);
    }

    private Path compile() throws Exception {
        Path source = folder.resolve("allreduce_rate.c");
        Path program = folder.resolve("allreduce_rate");
        try (InputStream in = AllReduceRateTest.class.getResourceAsStream("allreduce_rate.c")) {
            Files.copy(Objects.requireNonNull(in), source);
        }
        try {
            Process mpicc = new ProcessBuilder("mpicc", "-O2", "-o", program.toString(), source.toString())
                    .inheritIO()
                    .start();
            assertThat(mpicc.waitFor(60, TimeUnit.SECONDS)).isTrue();
            assertThat(mpicc.exitValue()).isZero();
        } catch (IOException e) {
            Assumptions.abort("needs mpicc (Debian: apt-get install libopenmpi-dev)");
        }
        return program;
    }

    private static List<Double> seconds(MpiRun.Result result) {
        assertThat(result.exitCode()).as(result.text()).isZero();
        List<Double> all = result.text()
                .lines()
                .filter(line -> line.startsWith("seconds "))
                .map(line -> Double.parseDouble(line.substring(8)))
                .toList();
        return all.subList(2, all.size()); // the first touch memory for the first time
    }

    private static double median(List<Double> values) {
        List<Double> sorted = values.stream().sorted().toList();
        return sorted.get(sorted.size() / 2);
    }
}
