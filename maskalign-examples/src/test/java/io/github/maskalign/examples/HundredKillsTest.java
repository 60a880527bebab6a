package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.train.KillAndResume;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A hundred SIGKILLs on the way of docs/imagenet.md: 34 while the set is prepared, 33 while a model trains and saves in
 * the background, 33 while it saves after each step. Sets and states end as if nobody had disturbed them, bit for bit.
 */
@Tag("slow")
class HundredKillsTest {
    private static final int PREPARE_KILLS = 34;
    private static final int TRAIN_KILLS = 33;

    @TempDir
    static Path folder;

    private static Path mini;
    private static Path whole;
    private static long seed;

    @BeforeAll
    static void prepareOnce() {
        seed = Long.getLong("test.seed", 20261123L);
        mini = folder.resolve("mini");
        whole = folder.resolve("whole");
        assertThat(Main.run(Workbench.commandLine(), "mini-ilsvrc", mini.toString(), "--per-class", "24"))
                .isZero();
        assertThat(Main.run(Main.commandLine(), prepareInto(whole).toArray(String[]::new)))
                .isZero();
    }

    @Test
    void killsWhilePreparing() throws Exception {
        SplittableRandom random = new SplittableRandom(seed);
        Map<String, String> expected = content(whole);
        int attempts = 0;
        int finished = 0;
        for (int kills = 0; kills < PREPARE_KILLS; attempts++) {
            Path set = folder.resolve("killed-" + finished);
            Process process = start(prepareInto(set), folder.resolve("prepare.txt"));
            if (process.waitFor(500 + random.nextInt(2_000), TimeUnit.MILLISECONDS)) {
                assertThat(process.exitValue()).as(story("prepare.txt")).isZero();
                assertThat(content(set)).as(story("prepare.txt")).isEqualTo(expected);
                finished++;
            } else {
                process.destroyForcibly().waitFor();
                kills++;
            }
        }
        Path last = folder.resolve("killed-" + finished);
        assertThat(start(prepareInto(last), folder.resolve("prepare.txt")).waitFor())
                .as(story("prepare.txt"))
                .isZero();

        assertThat(content(last)).as(story("prepare.txt")).isEqualTo(expected);
        System.out.printf("prepare: %d kills in %d starts, %d sets%n", PREPARE_KILLS, attempts + 1, finished + 1);
    }

    @Test
    void killsWhileTrainingAndSavingBesides() throws Exception {
        killTraining("training", 600, 4, true);
    }

    @Test
    void killsWhileSavingAfterEachStep() throws Exception {
        killTraining("saving", 450, 1, false);
    }

    private void killTraining(String name, int steps, int saveEvery, boolean asyncSave) throws Exception {
        Path undisturbed = folder.resolve(name + "-whole");
        Path killed = folder.resolve(name + "-killed");
        Path errors = folder.resolve(name + ".txt");
        training(undisturbed, steps, saveEvery, asyncSave, 0).run(errors);

        List<KillAndResume.Attempt> attempts =
                training(killed, steps, saveEvery, asyncSave, TRAIN_KILLS).run(errors);

        assertThat(attempts).as(story(errors.toString())).hasSize(TRAIN_KILLS + 1);
        assertThat(attempts)
                .allSatisfy(attempt -> assertThat(String.join("\n", attempt.lines()))
                        .as(story(name))
                        .doesNotContain("cannot be used", "damaged", "Exception"));
        for (String file : List.of("weights", "ema", "exp_avg", "exp_avg_sq")) {
            String state = String.format("checkpoints/state-%07d/%s.safetensors", steps, file);
            assertThat(killed.resolve(state)).as(story(name)).hasSameBinaryContentAs(undisturbed.resolve(state));
        }
        String snapshot = String.format("snapshot-%07d.safetensors", steps);
        assertThat(killed.resolve(snapshot)).as(story(name)).hasSameBinaryContentAs(undisturbed.resolve(snapshot));
        assertThat(Files.readAllLines(killed.resolve("stats.jsonl")))
                .as(story(name))
                .hasSize(steps);
        try (Stream<Path> files = Files.walk(killed)) {
            assertThat(files.map(f -> f.getFileName().toString()))
                    .as(story(name))
                    .noneMatch(f -> f.contains(".tmp-"));
        }
        System.out.printf("%s: %d kills, %d starts, equal bits%n", name, TRAIN_KILLS, attempts.size());
    }

    private KillAndResume training(Path run, int steps, int saveEvery, boolean asyncSave, int kills) {
        List<String> java = KillAndResume.jvm(
                Main.class,
                "train",
                Path.of("..", "configs", "mini-imagenet.yaml").toString(),
                "--out=" + run,
                "--set=data.path=" + whole,
                "--set=train.steps=" + steps,
                "--set=train.saveEvery=" + saveEvery,
                "--set=train.asyncSave=" + asyncSave,
                "--set=runtime.threads=1",
                "--set=runtime.logEvery=1");
        java.add(1, "-Dlogback.configurationFile=logback.xml"); // the program's, not the tests': it tells the steps
        return new KillAndResume(
                merged(java),
                line -> line.contains(" train ") && line.contains("/" + steps),
                kills,
                8, // 33 kills after at most 8 steps and what 100 ms allow leave the last steps to be done
                100,
                new SplittableRandom(seed));
    }

    private static List<String> prepareInto(Path out) {
        return List.of(
                "prepare",
                mini.resolve("ILSVRC2012_img_train.tar").toString(),
                "--out=" + out,
                "--vae=" + mini.resolve("vae"),
                "--encoder=dinov2",
                "--encoder-file=" + mini.resolve("dinov2.safetensors"),
                "--encoder-heads=3",
                "--shard=8");
    }

    private static Process start(List<String> arguments, Path log) throws IOException {
        return new ProcessBuilder(KillAndResume.jvm(Main.class, arguments.toArray(String[]::new)))
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                .start();
    }

    private static List<String> merged(List<String> command) {
        List<String> out = new ArrayList<>(List.of("bash", "-c", "exec \"$@\" 2>&1", "bash"));
        out.addAll(command);
        return out;
    }

    private static String story(String log) {
        return "-Dtest.seed=" + seed + ", " + log;
    }

    /** File names and SHA-256 of a folder. */
    private static Map<String, String> content(Path set) throws Exception {
        Map<String, String> out = new TreeMap<>();
        try (Stream<Path> files = Files.list(set)) {
            for (Path file : files.toList()) {
                byte[] hash = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file));
                out.put(file.getFileName().toString(), HexFormat.of().formatHex(hash));
            }
        }
        return out;
    }
}
