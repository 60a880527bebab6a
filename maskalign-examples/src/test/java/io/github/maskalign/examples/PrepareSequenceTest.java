package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.examples.CommandFailure.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands of docs/imagenet.md, one after the other, on the miniature. */
@Tag("slow")
class PrepareSequenceTest {
    private static final int KILLS = 30;

    @TempDir
    Path folder;

    private Path mini;

    @BeforeEach
    void draw() {
        mini = folder.resolve("mini");
        assertThat(Main.run(Workbench.commandLine(), "mini-ilsvrc", mini.toString(), "--per-class", "12"))
                .isZero();
    }

    @Test
    void archiveBecomesSamples() throws Exception {
        Path set = folder.resolve("set");
        Path trained = folder.resolve("run");
        run(prepare(set).toArray(String[]::new));
        run("verify", set.toString());
        run(
                "train",
                Path.of("..", "configs", "mini-imagenet.yaml").toString(),
                "--out=" + trained,
                "--set=data.path=" + set,
                "--set=train.asyncSave=true");
        run("status", trained.toString(), "--verify");
        run(
                "sample",
                trained.toString(),
                "--num=4",
                "--steps=4",
                "--vae=" + mini.resolve("vae"),
                "--scale=1",
                "--out=" + folder.resolve("samples.png"));

        Path pictures = folder.resolve("pictures");
        Path npz = folder.resolve("samples.npz");
        List<String> many = List.of(
                "sample",
                trained.toString(),
                "--num=7",
                "--batch=3",
                "--steps=3",
                "--vae=" + mini.resolve("vae"),
                "--folder=" + pictures,
                "--npz=" + npz);
        run(many.toArray(String[]::new));
        byte[] fifth = Files.readAllBytes(pictures.resolve("000004.png"));
        byte[] all = Files.readAllBytes(npz);
        Files.delete(pictures.resolve("000004.png"));
        run(many.toArray(String[]::new));
        assertThat(pictures.resolve("000004.png")).hasBinaryContent(fifth);
        assertThat(npz).hasBinaryContent(all);
        assertThat(all.length).isGreaterThan(7 * 256 * 256 * 3);
        assertThat(Main.run(
                        Main.commandLine(),
                        "sample",
                        trained.toString(),
                        "--seed=1",
                        "--num=7",
                        "--folder=" + pictures))
                .isEqualTo(ExitCode.BAD_INPUT);

        List<String> skipped = Files.readAllLines(set.resolve("skipped.tsv"));
        assertThat(skipped).hasSize(1 + 8).last().asString().contains("cut off");
        assertThat(Files.readAllLines(trained.resolve("stats.jsonl"))).hasSize(8);
        assertThat(ImageIO.read(folder.resolve("samples.png").toFile()).getWidth())
                .isGreaterThan(2 * 256);
    }

    @Test
    void killsChangeNothing() throws Exception {
        long seed = Long.getLong("test.seed", 20261123L);
        SplittableRandom random = new SplittableRandom(seed);
        Path whole = folder.resolve("whole");
        Path killed = folder.resolve("killed");
        run(prepare(whole).toArray(String[]::new));
        int finished = 0;
        for (int kill = 0; kill < KILLS && finished == 0; kill++) {
            Process process = ChildJvm.start(Main.class, prepare(killed).toArray(String[]::new));
            if (process.waitFor(700 + random.nextInt(900), TimeUnit.MILLISECONDS)) {
                finished = process.exitValue() == 0 ? 1 : finished;
            }
            process.destroyForcibly().waitFor();
        }
        run(prepare(killed).toArray(String[]::new));

        assertThat(content(killed)).as("-Dtest.seed=%d", seed).isEqualTo(content(whole));
    }

    private List<String> prepare(Path out) {
        return List.of(
                "prepare",
                mini.resolve("ILSVRC2012_img_train.tar").toString(),
                "--out=" + out,
                "--vae=" + mini.resolve("vae"),
                "--encoder=dinov2",
                "--encoder-file=" + mini.resolve("dinov2.safetensors"),
                "--encoder-heads=3",
                "--features=int8",
                "--images",
                "--shard=8");
    }

    private static Map<String, Integer> content(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            Map<String, Integer> out = new TreeMap<>();
            for (Path file : files.toList()) {
                out.put(file.getFileName().toString(), java.util.Arrays.hashCode(Files.readAllBytes(file)));
            }
            return out;
        }
    }

    private static void run(String... args) {
        assertThat(Main.run(Main.commandLine(), args)).as("%s", List.of(args)).isZero();
    }
}
