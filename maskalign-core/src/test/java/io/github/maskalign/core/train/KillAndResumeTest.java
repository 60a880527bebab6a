package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("slow")
@Tag("bits")
class KillAndResumeTest {
    private static final int STEPS = 200;
    private static final int SAVE_EVERY = 3;
    private static final int KILLS = 10;

    @TempDir
    Path folder;

    @Test
    void tenKillsLoseNoSavedStepAndChangeNoBit() throws Exception {
        long seed = Long.getLong("test.seed", System.nanoTime());
        Path errors = folder.resolve("errors.txt");
        Path whole = folder.resolve("whole");
        Path killed = folder.resolve("killed");
        harness(whole, 0, seed).run(errors);

        List<KillAndResume.Attempt> attempts = harness(killed, KILLS, seed).run(errors);

        String story = "-Dtest.seed=" + seed;
        assertThat(attempts).as(story).hasSize(KILLS + 1);
        long saved = 0;
        for (KillAndResume.Attempt attempt : attempts) {
            assertThat(attempt.lines()).as(story).isNotEmpty();
            String start = attempt.lines().get(0);
            assertThat(start).as(story).startsWith(saved == 0 ? "start " : "start RESUMED ");
            assertThat(number(start)).as("%s: %s", story, start).isGreaterThanOrEqualTo(saved);
            saved = attempt.lines().stream()
                    .filter(line -> line.startsWith("saved "))
                    .mapToLong(KillAndResumeTest::number)
                    .reduce(saved, (a, b) -> b);
        }
        assertThat(attempts.get(KILLS).lines()).as(story).endsWith("saved " + STEPS, "end COMPLETED " + STEPS);
        assertThat(Files.readString(errors)).as(story).doesNotContain("cannot be used", "Exception");
        for (String file : List.of("weights", "ema", "exp_avg", "exp_avg_sq")) {
            String name = "checkpoints/state-0000200/" + file + ".safetensors";
            assertThat(killed.resolve(name)).as(story).hasSameBinaryContentAs(whole.resolve(name));
        }
        for (long step = 20; step <= STEPS; step += 20) {
            String name = String.format("snapshot-%07d.safetensors", step);
            assertThat(killed.resolve(name)).as(story).hasSameBinaryContentAs(whole.resolve(name));
        }
        try (var files = Files.walk(killed)) {
            assertThat(files.map(f -> f.getFileName().toString())).as(story).noneMatch(f -> f.contains(".tmp-"));
        }
    }

    private static KillAndResume harness(Path run, int kills, long seed) {
        return new KillAndResume(
                KillAndResume.jvm(
                        TinyTraining.class, run.toString(), Integer.toString(STEPS), Integer.toString(SAVE_EVERY)),
                line -> line.startsWith("step "),
                kills,
                17, // 10 kills after at most 17 steps and a few in 40 ms each leave the 200 unfinished
                40,
                new Random(seed));
    }

    private static long number(String line) {
        return Long.parseLong(line.substring(line.lastIndexOf(' ') + 1));
    }
}
