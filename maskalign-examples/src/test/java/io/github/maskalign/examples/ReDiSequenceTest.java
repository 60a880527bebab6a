package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.FeatureBasis;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.internal.Digests;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** ReDi over a prepared set, by commands: its basis and features, training to the bit, samples, a report. */
class ReDiSequenceTest {
    private static final int CHANNELS = 5;

    @TempDir
    Path folder;

    private Path mini;

    @BeforeEach
    void draw() {
        mini = folder.resolve("mini");
        assertThat(Main.run(Workbench.commandLine(), "mini-ilsvrc", mini.toString(), "--per-class", "3"))
                .isZero();
    }

    @Test
    void archiveBecomesSamplesWithFeatures() throws IOException {
        Path set = folder.resolve("set");
        run(prepare(set, "--feature-pictures=20"));
        run(List.of("verify", set.toString()));
        FeatureBasis basis = FeatureBasis.read(set.resolve(FeatureBasis.FILE));
        assertThat(basis.channels()).isEqualTo(CHANNELS);
        assertThat(basis.facts()).containsEntry("pictures", "20").containsEntry("crop", "adm 256");

        // the same command goes on with the basis that is there, and makes the same set
        String first = Digests.sha256(set.resolve("shard-00001.safetensors"));
        Files.delete(set.resolve("index.safetensors"));
        Files.delete(set.resolve("shard-00001.safetensors"));
        run(prepare(set, "--feature-pictures=20"));
        assertThat(Digests.sha256(set.resolve("shard-00001.safetensors"))).isEqualTo(first);
        assertThat(failure(prepare(set, "--feature-pictures=10"))).contains("was made with other settings");

        // another set in the same basis
        Path other = folder.resolve("other");
        run(prepare(other, "--feature-basis=" + set.resolve(FeatureBasis.FILE)));
        assertThat(Digests.sha256(other.resolve("shard-00001.safetensors"))).isEqualTo(first);

        Path whole = folder.resolve("whole");
        run(train(set, whole, 2));
        Path stopped = folder.resolve("stopped");
        run(train(set, stopped, 1));
        run(train(set, stopped, 2));
        assertThat(Digests.sha256(stopped.resolve("snapshot-0000002.safetensors")))
                .isEqualTo(Digests.sha256(whole.resolve("snapshot-0000002.safetensors")));
        run(List.of("status", whole.toString(), "--verify"));
        run(List.of("info", whole.resolve("config.yaml").toString()));
        Path latents = folder.resolve("latents.safetensors");
        run(List.of(
                "sample",
                whole.toString(),
                "--num=2",
                "--steps=2",
                "--cfg=1.5",
                "--unconditional=NO_FEATURES",
                "--latents=" + latents));
        try (SafetensorsFile file = SafetensorsFile.open(latents)) {
            assertThat(file.stateDict().get("latents").shape().slice(0, 2)).isEqualTo(new Shape(2, 4));
        }
        run(List.of(
                "sample",
                whole.toString(),
                "--num=2",
                "--steps=2",
                "--vae=" + mini.resolve("vae"),
                "--scale=1",
                "--out=" + folder.resolve("samples.png")));
        run(List.of("report", whole.toString(), "--out=" + folder.resolve("report.html")));

        byte[] file = Files.readAllBytes(set.resolve(FeatureBasis.FILE));
        Files.copy(
                other.resolve(FeatureBasis.FILE),
                set.resolve(FeatureBasis.FILE),
                java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        run(List.of("verify", set.toString())); // the same numbers
        file[file.length - 1] ^= 1;
        Files.write(set.resolve(FeatureBasis.FILE), file);
        assertThat(failure(train(set, folder.resolve("never"), 1)))
                .contains("it is not the basis that the set was prepared with");
        Files.delete(set.resolve(FeatureBasis.FILE));
        assertThat(failure(train(set, folder.resolve("never"), 1)))
                .contains("the basis of the set's features is missing");
    }

    @Test
    void optionsThatDoNotGoTogetherAreBadInput() throws IOException {
        Path set = folder.resolve("set");
        List<String> plain = new ArrayList<>(prepare(set, "--feature-basis=no.safetensors"));
        assertThat(failure(plain)).contains("no.safetensors");
        List<String> repa = new ArrayList<>(prepare(set, "--layout=REPA"));
        repa.remove("--shard=8");
        assertThat(failure(repa)).contains("--feature-channels needs --layout SHARDS");
        assertThat(failure(List.of("prepare", mini.toString(), "--out=" + set, "--feature-channels=4")))
                .contains("--feature-channels goes with --encoder");
        assertThat(failure(prepare(set, "--feature-channels=0"))).contains("--feature-channels");
        assertThat(set.resolve("index.safetensors")).doesNotExist();
    }

    private List<String> prepare(Path out, String more) {
        List<String> words = new ArrayList<>(List.of(
                "prepare",
                mini.resolve("ILSVRC2012_img_train.tar").toString(),
                "--out=" + out,
                "--vae=" + mini.resolve("vae"),
                "--encoder=dinov2",
                "--encoder-file=" + mini.resolve("dinov2.safetensors"),
                "--encoder-heads=3",
                "--shard=8"));
        if (!more.startsWith("--feature-channels")) {
            words.add("--feature-channels=" + CHANNELS);
        }
        words.add(more);
        return words;
    }

    private static List<String> train(Path set, Path out, int steps) {
        return List.of(
                "train",
                Path.of("..", "configs", "mini-imagenet.yaml").toString(),
                "--method=redi",
                "--out=" + out,
                "--set=data.path=" + set,
                "--set=encoder.kind=CACHED",
                "--set=encoder.width=" + CHANNELS,
                "--set=terms.features.channels=" + CHANNELS,
                "--set=train.steps=" + steps,
                "--set=train.globalBatch=4");
    }

    private static String failure(List<String> args) {
        StringWriter err = new StringWriter();
        CommandLine line = Main.commandLine().setErr(new PrintWriter(err, true));
        assertThat(Main.run(line, args.toArray(String[]::new))).as("%s", args).isNotZero();
        return err.toString();
    }

    private static void run(List<String> args) {
        assertThat(Main.run(Main.commandLine(), args.toArray(String[]::new)))
                .as("%s", args)
                .isZero();
    }
}
