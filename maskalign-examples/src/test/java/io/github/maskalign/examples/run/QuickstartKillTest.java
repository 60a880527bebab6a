package io.github.maskalign.examples.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.train.KillAndResume;
import io.github.maskalign.examples.Main;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The quickstart, shortened to 60 steps of 8 pictures, killed ten times: its final weights, moments and average are
 * those of a run that nobody disturbed, bit for bit.
 */
@Tag("slow")
class QuickstartKillTest {
    private static final int STEPS = 60;
    private static final int KILLS = 10;

    @TempDir
    Path folder;

    @Test
    void killedTenTimesItEndsWithTheSameBits() throws Exception {
        long seed = Long.getLong("test.seed", 20260608L);
        Path whole = folder.resolve("whole");
        Path killed = folder.resolve("killed");
        Path errors = folder.resolve("errors.txt");

        harness(whole, 0, seed).run(errors);
        List<KillAndResume.Attempt> attempts = harness(killed, KILLS, seed).run(errors);

        String story = "-Dtest.seed=" + seed;
        assertThat(attempts).as(story).hasSize(KILLS + 1);
        for (String file : List.of("weights", "ema", "exp_avg", "exp_avg_sq")) {
            String name = "checkpoints/state-00000" + STEPS + "/" + file + ".safetensors";
            assertThat(killed.resolve(name)).as(story).hasSameBinaryContentAs(whole.resolve(name));
        }
        String snapshot = "snapshot-00000" + STEPS + ".safetensors";
        assertThat(killed.resolve(snapshot)).as(story).hasSameBinaryContentAs(whole.resolve(snapshot));
        assertThat(killed.resolve("samples.png")).as(story).hasSameBinaryContentAs(whole.resolve("samples.png"));
        assertThat(Files.readAllLines(killed.resolve("stats.jsonl"))).as(story).hasSize(STEPS);
    }

    private KillAndResume harness(Path run, int kills, long seed) {
        List<String> java = KillAndResume.jvm(
                Main.class,
                "train",
                Path.of("..", "configs", "quickstart.yaml").toString(),
                "--out",
                run.toString(),
                "--set=train.steps=" + STEPS,
                "--set=train.saveEvery=5",
                "--set=train.globalBatch=8",
                "--set=runtime.logEvery=1",
                "--set=runtime.previewPictures=4",
                "--set=sample.steps=2");
        java.add(1, "-Dlogback.configurationFile=logback.xml"); // the program's, not the tests': it tells the steps
        List<String> command = new ArrayList<>(List.of("bash", "-c", "exec \"$@\" 2>&1", "bash"));
        command.addAll(java);
        return new KillAndResume(
                command,
                line -> line.contains(" train ") && line.contains("/" + STEPS),
                kills,
                9, // ten times at most 9 steps and what 300 ms allow, minus what is lost, leave the 60 unfinished
                300,
                new SplittableRandom(seed));
    }
}
