package io.github.maskalign.examples.judge;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.files.internal.Digests;
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

/** A short training of the judge, killed three times: it ends with the same archive, bit for bit. */
@Tag("slow")
class TrainJudgeKillTest {
    private static final int STEPS = 40;
    private static final int KILLS = 3;

    @TempDir
    Path folder;

    @Test
    void killedThreeTimesItExportsTheSameJudge() throws Exception {
        long seed = Long.getLong("test.seed", 20261129L);
        Path whole = folder.resolve("whole");
        Path killed = folder.resolve("killed");
        Path errors = folder.resolve("errors.txt");

        harness(whole, 0, seed).run(errors);
        List<KillAndResume.Attempt> attempts = harness(killed, KILLS, seed).run(errors);

        String story = "-Dtest.seed=" + seed;
        assertThat(attempts).as(story).hasSize(KILLS + 1);
        Path archive = killed.resolve("emoji-judge.pt");
        assertThat(archive).as(story).hasSameBinaryContentAs(whole.resolve("emoji-judge.pt"));
        JsonObject provenance = JsonParser.parseString(Files.readString(killed.resolve("emoji-judge.json")))
                .getAsJsonObject();
        assertThat(provenance.get("steps").getAsInt()).isEqualTo(STEPS);
        assertThat(provenance.getAsJsonObject("retrieval").keySet()).contains("pixels");
        assertThat(provenance.get("sha256").getAsString()).isEqualTo(Digests.sha256(archive));
    }

    private KillAndResume harness(Path run, int kills, long seed) {
        List<String> java = KillAndResume.jvm(
                Main.class,
                "train-judge",
                Path.of("..", "configs", "emoji-judge.yaml").toString(),
                "--out",
                run.toString(),
                "--set=sets=[twemoji,emojione]",
                "--set=heldOut=noto-v1",
                "--set=gallery=twemoji",
                "--set=steps=" + STEPS,
                "--set=batch=2",
                "--set=saveEvery=2");
        java.add(1, "-Dlogback.configurationFile=logback.xml"); // the program's, not the tests': it tells the steps
        List<String> command = new ArrayList<>(List.of("bash", "-c", "exec \"$@\" 2>&1", "bash"));
        command.addAll(java);
        return new KillAndResume(command, line -> line.contains(" step "), kills, 1, 300, new SplittableRandom(seed));
    }
}
