package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.FeatureBasis;
import io.github.maskalign.core.data.PreparedSamples;
import io.github.maskalign.core.data.internal.RepaFolders;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.internal.Digests;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** REGLUE by commands: joined tokens, a compressor of them, a set of features and tokens, training to the bit, samples. */
class ReglueSequenceTest {
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
    void picturesBecomeSamplesByACompressorOfTheirTokens() throws IOException {
        Path joined = folder.resolve("joined");
        run(prepare(joined, "--encoder-blocks=2"));
        int width = tokenWidth(joined) / 2;

        Path run = folder.resolve("compressor");
        run(List.of(
                "train-compressor",
                Path.of("..", "configs", "imagenet-compressor.yaml").toString(),
                "--out=" + run,
                "--steps=3",
                "--set=path=" + joined,
                "--set=heldOut=4",
                "--set=hidden=6",
                "--set=channels=" + CHANNELS,
                "--set=batch=4",
                "--set=device=cpu"));
        Path compressor = run.resolve("compressor.safetensors");
        FeatureBasis made = FeatureBasis.read(compressor);
        assertThat(made.width()).isEqualTo(2 * width);
        assertThat(made.facts()).containsEntry("encoder_blocks", "2").containsKey("encoder_sha256");

        Path set = folder.resolve("set");
        run(prepare(
                set,
                "--encoder-blocks=2",
                "--feature-channels=" + CHANNELS,
                "--feature-basis=" + compressor,
                "--feature-tokens"));
        run(List.of("verify", set.toString()));
        assertThat(tokenWidth(set)).isEqualTo(CHANNELS + width);
        sameTokens(joined, set, width);
        assertThat(FeatureBasis.read(set.resolve(FeatureBasis.FILE)).identity()).isEqualTo(made.identity());

        Path whole = folder.resolve("whole");
        run(train(set, whole, 2, width));
        Path stopped = folder.resolve("stopped");
        run(train(set, stopped, 1, width));
        run(train(set, stopped, 2, width));
        assertThat(Digests.sha256(stopped.resolve("snapshot-0000002.safetensors")))
                .isEqualTo(Digests.sha256(whole.resolve("snapshot-0000002.safetensors")));
        // joined tokens that are compressed while it trains: the same but for the rounding of what is kept
        Path live = folder.resolve("live");
        List<String> words = new ArrayList<>(train(joined, live, 2, width));
        words.add("--set=terms.features.reduction=" + compressor);
        run(words);
        Path latents = folder.resolve("latents.safetensors");
        run(List.of(
                "sample",
                whole.toString(),
                "--num=2",
                "--steps=2",
                "--cfg=1.5",
                "--cls-cfg=1.5",
                "--feature-cfg=1.5",
                "--latents=" + latents));
        try (SafetensorsFile file = SafetensorsFile.open(latents)) {
            assertThat(file.stateDict().get("latents").shape().slice(0, 2)).isEqualTo(new Shape(2, 4));
        }
        Path exported = folder.resolve("reglue.pt");
        run(List.of("convert", whole.toString(), exported.toString(), "--family=reglue"));
        assertThat(exported).exists();

        assertThat(failure(train(set, folder.resolve("never"), 1, width + 1))).contains("encoder.width must be");
        assertThat(failure(List.of(
                        "train-compressor",
                        Path.of("..", "configs", "imagenet-compressor.yaml").toString(),
                        "--out=" + folder.resolve("never"),
                        "--set=path=" + set,
                        "--set=device=cpu")))
                .contains("holds features in place of tokens; prepare it without --feature-channels");
    }

    @Test
    void optionsThatDoNotGoTogetherAreBadInput() {
        Path set = folder.resolve("set");
        assertThat(failure(prepare(set, "--feature-tokens"))).contains("--feature-tokens go with --feature-channels");
        assertThat(failure(prepare(set, "--feature-tokens", "--feature-channels=4", "--features=INT8")))
                .contains("--feature-tokens needs --features FLOAT16");
        assertThat(failure(prepare(set, "--encoder-blocks=0")))
                .contains("--encoder-blocks must be at least 1 but was 0");
        assertThat(failure(prepare(set, "--encoder-blocks=99")))
                .contains("--encoder-blocks: the tokens of the last 1 to");
        assertThat(failure(List.of("prepare", mini.toString(), "--out=" + set, "--encoder-blocks=2")))
                .contains("go with --encoder");
        assertThat(set.resolve("index.safetensors")).doesNotExist();
    }

    /** The tokens behind the features are those of the last block; the class token has no features. */
    private static void sameTokens(Path joined, Path set, int width) throws IOException {
        try (PreparedSamples wide = open(joined);
                PreparedSamples both = open(set)) {
            int tokens = both.layout().tokens();
            float[] all = new float[tokens * 2 * width];
            float[] kept = new float[tokens * (CHANNELS + width)];
            for (int i = 0; i < both.size(); i++) {
                wide.readTokens(i, all, 0);
                both.readTokens(i, kept, 0);
                assertThat(Arrays.copyOf(kept, CHANNELS)).containsOnly(0);
                for (int t = 0; t < tokens; t++) {
                    int end = (t + 1) * (CHANNELS + width);
                    assertThat(Arrays.copyOfRange(kept, end - width, end))
                            .isEqualTo(Arrays.copyOfRange(all, (2 * t + 1) * width, (2 * t + 2) * width));
                }
            }
        }
    }

    private static int tokenWidth(Path set) throws IOException {
        try (PreparedSamples opened = open(set)) {
            return opened.layout().tokenWidth();
        }
    }

    private static PreparedSamples open(Path set) throws IOException {
        return PreparedSamples.open(new RepaFolders(set, RepaFolders.IMAGES, RepaFolders.LATENTS));
    }

    private List<String> prepare(Path out, String... more) {
        List<String> words = new ArrayList<>(List.of(
                "prepare",
                mini.resolve("ILSVRC2012_img_train.tar").toString(),
                "--out=" + out,
                "--vae=" + mini.resolve("vae"),
                "--encoder=dinov2",
                "--encoder-file=" + mini.resolve("dinov2.safetensors"),
                "--encoder-heads=3",
                "--shard=8"));
        words.addAll(List.of(more));
        return words;
    }

    private static List<String> train(Path set, Path out, int steps, int width) {
        return List.of(
                "train",
                Path.of("..", "configs", "mini-imagenet.yaml").toString(),
                "--method=reglue",
                "--out=" + out,
                "--set=data.path=" + set,
                "--set=encoder.kind=CACHED",
                "--set=encoder.width=" + width,
                "--set=align.depth=1",
                "--set=terms.features.lastBlocks=2",
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
