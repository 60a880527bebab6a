package io.github.maskalign.sit.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.train.KillAndResume;
import io.github.maskalign.examples.Main;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Drawing many pictures, killed ten times, leaves the same bytes as when nobody disturbs it. */
@Tag("slow")
class SampleKillTest {
    private static final int PICTURES = 241;
    private static final int BATCH = 2;
    private static final int KILLS = 10;

    @TempDir
    Path folder;

    @Test
    void killedTenTimesItEndsWithTheSameBytes() throws Exception {
        long seed = Long.getLong("test.seed", 20261123L);
        train();
        Path errors = folder.resolve("errors.txt");

        harness("whole", 0, seed).run(errors);
        List<KillAndResume.Attempt> attempts = harness("killed", KILLS, seed).run(errors);

        String story = "-Dtest.seed=" + seed;
        assertThat(attempts).as(story).hasSize(KILLS + 1);
        assertThat(attempts.get(KILLS).lines())
                .as("the last start finds some batches and draws the others")
                .anyMatch(line -> line.contains("sample 121/121"));
        assertThat(content("killed")).as(story).isEqualTo(content("whole"));
        assertThat(content("whole")).hasSize(PICTURES + 1); // and provenance.json
        assertThat(folder.resolve("killed.npz")).as(story).hasSameBinaryContentAs(folder.resolve("whole.npz"));
    }

    private void train() throws IOException {
        List<String> small = List.of(
                "data.sets=[fxemoji]",
                "model.hiddenSize=96",
                "model.depth=3",
                "align.depth=1",
                "model.numHeads=3",
                "train.steps=2",
                "train.globalBatch=4",
                "runtime.previewPictures=1",
                "sample.steps=2");
        TrainingRun.open(
                        ConfigBinder.bind(Path.of("..", "configs", "emoji-32.yaml"), small, RunConfig.class),
                        folder.resolve("run"))
                .withCache(Path.of("target", "emoji-cache"))
                .withVersion("test")
                .run();
    }

    private KillAndResume harness(String name, int kills, long seed) {
        List<String> java = KillAndResume.jvm(
                Main.class,
                "sample",
                folder.resolve("run").toString(),
                "--num=" + PICTURES,
                "--batch=" + BATCH,
                "--sampler=sde",
                "--steps=6",
                "--cfg=2",
                "--folder=" + folder.resolve(name),
                "--npz=" + folder.resolve(name + ".npz"));
        java.add(1, "-Dlogback.configurationFile=logback.xml"); // the program's, not the tests': it tells the batches
        List<String> command = new ArrayList<>(List.of("bash", "-c", "exec \"$@\" 2>&1", "bash"));
        command.addAll(java);
        return new KillAndResume(
                command,
                line -> line.contains(" sample ") && line.contains("/121"),
                kills,
                12, // batches that are there already count too, so ten times 12 and what 300 ms allow do not reach 121
                300,
                new SplittableRandom(seed));
    }

    private Map<String, Integer> content(String name) throws IOException {
        try (Stream<Path> files = Files.list(folder.resolve(name))) {
            Map<String, Integer> out = new TreeMap<>();
            for (Path file : files.toList()) {
                out.put(file.getFileName().toString(), Arrays.hashCode(Files.readAllBytes(file)));
            }
            return out;
        }
    }
}
