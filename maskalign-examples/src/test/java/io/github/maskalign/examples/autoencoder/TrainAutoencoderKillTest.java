package io.github.maskalign.examples.autoencoder;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.train.KillAndResume;
import io.github.maskalign.encoders.vae.PatchAutoencoder;
import io.github.maskalign.examples.Main;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A short training of the autoencoder, killed three times: it ends with the same file, bit for bit. */
@Tag("slow")
class TrainAutoencoderKillTest {
    private static final int STEPS = 40;
    private static final int KILLS = 3;

    @TempDir
    Path folder;

    @Test
    void killedThreeTimesItExportsTheSameAutoencoder() throws Exception {
        long seed = Long.getLong("test.seed", 20261129L);
        Path whole = folder.resolve("whole");
        Path killed = folder.resolve("killed");
        Path errors = folder.resolve("errors.txt");

        harness(whole, 0, seed).run(errors);
        List<KillAndResume.Attempt> attempts = harness(killed, KILLS, seed).run(errors);

        String story = "-Dtest.seed=" + seed;
        assertThat(attempts).as(story).hasSize(KILLS + 1);
        assertThat(killed.resolve("emoji-vae.safetensors"))
                .as(story)
                .hasSameBinaryContentAs(whole.resolve("emoji-vae.safetensors"));
        JsonObject provenance = JsonParser.parseString(Files.readString(killed.resolve("emoji-vae.json")))
                .getAsJsonObject();
        assertThat(provenance.get("steps").getAsInt()).isEqualTo(STEPS);
        assertThat(provenance
                        .getAsJsonObject("reconstruction_of_held_out")
                        .get("psnr_db")
                        .getAsDouble())
                .isPositive();
        try (PatchAutoencoder autoencoder =
                PatchAutoencoder.open(killed.resolve("emoji-vae.safetensors"), Device.cpu())) {
            assertThat(provenance.get("sha256").getAsString()).isEqualTo(autoencoder.sha256());
        }
    }

    private KillAndResume harness(Path run, int kills, long seed) {
        List<String> java = KillAndResume.jvm(
                Main.class,
                "train-autoencoder",
                Path.of("..", "configs", "emoji-64-autoencoder.yaml").toString(),
                "--out",
                run.toString(),
                "--set=sets=[twemoji]",
                "--set=heldOut=noto-v1",
                "--set=steps=" + STEPS,
                "--set=batch=2",
                "--set=saveEvery=2");
        java.add(1, "-Dlogback.configurationFile=logback.xml"); // the program's, not the tests': it tells the steps
        List<String> command = new ArrayList<>(List.of("bash", "-c", "exec \"$@\" 2>&1", "bash"));
        command.addAll(java);
        return new KillAndResume(command, line -> line.contains(" step "), kills, 1, 300, new SplittableRandom(seed));
    }
}
