package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.train.KillAndResume;
import io.github.maskalign.encoders.vae.NativeAutoencoder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** REPA-E over a prepared set with pictures, by commands: killed and gone on with, sampled, begun with again. */
class EndToEndSequenceTest {
    private static final int KILLS = 2;

    @TempDir
    Path folder;

    private final CommandRun maskalign = new CommandRun();
    private Path mini;

    @BeforeEach
    void draw() {
        mini = folder.resolve("mini");
        assertThat(maskalign.workbench("mini-ilsvrc", mini, "--per-class", "4")).isZero();
    }

    @Test
    @Tag("slow")
    void anArchiveBecomesAModelAndAnAutoencoder() throws Exception {
        Path set = folder.resolve("set");
        run(prepare(set, "--images"));
        Path whole = folder.resolve("whole");
        Path killed = folder.resolve("killed");
        Path errors = folder.resolve("errors.txt");

        training(set, whole, 0).run(errors);
        assertThat(training(set, killed, KILLS).run(errors)).hasSize(KILLS + 1);

        for (String file : List.of(
                "snapshot-0000008.safetensors",
                "autoencoder/autoencoder-0000008.safetensors",
                "autoencoder/config.json",
                "checkpoints/state-0000008/weights.safetensors",
                "checkpoints/state-0000008/exp_avg_sq.safetensors")) {
            assertThat(killed.resolve(file)).hasSameBinaryContentAs(whole.resolve(file));
        }
        try (Stream<Path> files = Files.walk(killed)) {
            assertThat(files.map(f -> f.getFileName().toString())).noneMatch(f -> f.contains(".tmp-"));
        }
        Path trained = whole.resolve("autoencoder/autoencoder-0000008.safetensors");
        try (NativeAutoencoder opened = NativeAutoencoder.open(trained, Device.cpu(), Precision.FLOAT32)) {
            assertThat(opened.config().channels()).isEqualTo(channels());
        }
        run(List.of("status", whole.toString(), "--verify"));
        Path own = folder.resolve("own.png");
        Path given = folder.resolve("given.png");
        run(List.of("sample", whole.toString(), "--num=1", "--steps=2", "--scale=1", "--out=" + own));
        run(List.of(
                "sample",
                whole.toString(),
                "--num=1",
                "--steps=2",
                "--scale=1",
                "--out=" + given,
                "--vae=" + mini.resolve("vae")));
        assertThat(Files.readAllBytes(own)).isNotEqualTo(Files.readAllBytes(given));
        run(train(set, folder.resolve("next"), 1, "data.vae=" + trained, "evaluate.every=0"));
        run(List.of("report", whole.toString(), "--out=" + folder.resolve("report.html")));

        List<String> analyze = List.of(
                "analyze", whole.toString(), "--pictures=24", "--times=0.5", "--out=" + folder.resolve("findings"));
        run(analyze);
        String findings = Files.readString(folder.resolve("findings/analysis.json"));
        assertThat(findings)
                .contains("\"autoencoder\": \"" + Digests.sha256(trained))
                .doesNotContain("the mirrored control mirrors latents");
        Files.move(set, folder.resolve("with-images"));
        run(prepare(set, "--shard=8"));
        assertThat(failure(analyze))
                .contains("terms.endToEnd looks at pictures, which data.path " + set + " does not hold");
    }

    @Test
    void scoresAreThoseOfTheAutoencoderAsItIsTrained() throws IOException {
        Path set = folder.resolve("set");
        run(prepare(set, "--images"));
        Path scored = folder.resolve("scored");

        run(train(set, scored, 2, "evaluate.every=1", "evaluate.samples=8", "evaluate.steps=2"));

        assertThat(Files.readString(scored.resolve("stats.jsonl"))).contains("\"eval/samples\":8.0");
        assertThat(scored.resolve("samples.png")).isRegularFile();
    }

    @Test
    void whatIsMissingIsNamed() {
        Path bare = folder.resolve("bare");
        run(prepare(bare, "--shard=8"));
        assertThat(failure(train(bare, folder.resolve("never"), 1))).contains("--images");
        assertThat(failure(train(bare, folder.resolve("never"), 1, "data.vae=null")))
                .contains("data.vae must name the autoencoder that terms.endToEnd begins with");
        assertThat(failure(List.of(
                        "bench", config(), "--method=repa-e", "--set=align.depth=1", "--set=data.path=" + bare)))
                .contains("bench measures steps on random latents");
        assertThat(folder.resolve("never/snapshot-0000001.safetensors")).doesNotExist();
    }

    private List<Integer> channels() throws IOException {
        try (NativeAutoencoder begun = NativeAutoencoder.open(mini.resolve("vae"), Device.cpu(), Precision.FLOAT32)) {
            return begun.config().channels();
        }
    }

    private KillAndResume training(Path set, Path run, int kills) {
        List<String> java = KillAndResume.jvm(
                Main.class,
                train(set, run, 8, "train.saveEvery=1", "runtime.threads=1", "runtime.logEvery=1")
                        .toArray(String[]::new));
        java.add(1, "-Dlogback.configurationFile=logback.xml"); // the program's, not the tests': it tells the steps
        List<String> command = new ArrayList<>(List.of("bash", "-c", "exec \"$@\" 2>&1", "bash"));
        command.addAll(java);
        return new KillAndResume(
                command,
                line -> line.contains(" train ") && line.contains("/8"),
                kills,
                2, // twice at most 2 steps leave the 8 unfinished
                50,
                new SplittableRandom(20261129));
    }

    private List<String> prepare(Path out, String more) {
        return List.of(
                "prepare",
                mini.resolve("ILSVRC2012_img_train.tar").toString(),
                "--out=" + out,
                "--vae=" + mini.resolve("vae"),
                "--encoder=dinov2",
                "--encoder-file=" + mini.resolve("dinov2.safetensors"),
                "--encoder-heads=3",
                more);
    }

    private static String config() {
        return Path.of("..", "configs", "mini-imagenet.yaml").toString();
    }

    private List<String> train(Path set, Path out, int steps, String... more) {
        List<String> words = new ArrayList<>(List.of(
                "train",
                config(),
                "--method=repa-e",
                "--out=" + out,
                "--set=align.depth=1",
                "--set=data.path=" + set,
                "--set=data.vae=" + mini.resolve("vae"),
                "--set=data.statistics=prepared",
                "--set=train.steps=" + steps,
                "--set=train.globalBatch=2",
                "--set=runtime.previewPictures=1",
                "--set=sample.steps=2"));
        Stream.of(more).map(setting -> "--set=" + setting).forEach(words::add);
        return words;
    }

    private String failure(List<String> args) {
        assertThat(maskalign.run(args.toArray())).as("%s", args).isNotZero();
        return maskalign.err();
    }

    private void run(List<String> args) {
        assertThat(maskalign.run(args.toArray()))
                .as("%s: %s", args, maskalign.err())
                .isZero();
    }
}
