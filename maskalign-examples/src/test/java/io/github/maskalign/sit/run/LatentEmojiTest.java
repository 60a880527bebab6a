package io.github.maskalign.sit.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.train.TrainListener.StopReason;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The quickstart in small: latents by the embedded autoencoder, tokens that are kept beside them. */
class LatentEmojiTest {
    private static final Path CONFIG = Path.of("..", "configs", "quickstart.yaml");
    private static final Path CACHE = Path.of("target", "emoji-cache");

    @TempDir
    Path folder;

    private static Bound<RunConfig> config(String... more) {
        List<String> settings = new ArrayList<>(List.of(
                "data.sets=[twemoji]",
                "data.classes=[hearts, clocks]",
                "model.numClasses=2",
                "model.hiddenSize=24",
                "model.depth=3",
                "model.numHeads=2",
                "align.depth=2",
                "align.projectorDim=16",
                "mixer.layers=1",
                "optim.schedule=CONSTANT",
                "optim.warmupSteps=0",
                "optim.decaySteps=0",
                "train.steps=4",
                "train.globalBatch=4",
                "runtime.previewPictures=2",
                "sample.steps=2"));
        settings.addAll(List.of(more));
        return ConfigBinder.bind(CONFIG, settings, RunConfig.class);
    }

    private StopReason train(Path run, String... more) throws IOException {
        return TrainingRun.open(config(more), run)
                .withCache(CACHE)
                .withVersion("test")
                .run();
    }

    @Test
    void resumedRunHasTheBitsOfAWholeOneAndItsPicturesAreDecoded() throws Exception {
        Path whole = folder.resolve("whole");
        Path parts = folder.resolve("parts");
        assertThat(train(whole)).isEqualTo(StopReason.COMPLETED);
        assertThat(train(parts, "train.steps=2")).isEqualTo(StopReason.COMPLETED);
        assertThat(train(parts)).isEqualTo(StopReason.COMPLETED);

        for (String file : List.of("weights", "ema", "exp_avg", "exp_avg_sq")) {
            String name = "checkpoints/state-0000004/" + file + ".safetensors";
            assertThat(parts.resolve(name)).hasSameBinaryContentAs(whole.resolve(name));
        }
        assertThat(parts.resolve("samples.png")).hasSameBinaryContentAs(whole.resolve("samples.png"));
        BufferedImage grid = ImageIO.read(whole.resolve("samples.png").toFile());
        assertThat(grid.getWidth())
                .as("two pictures of 64 pixels, twice as large")
                .isGreaterThanOrEqualTo(2 * 2 * 64);
        assertThat(Files.readString(whole.resolve("config.yaml"))).contains("space: LATENTS");
    }

    @Test
    void samplesAreDecodedWithoutNamingTheAutoencoder() throws Exception {
        train(folder.resolve("run"));
        Path samples =
                SamplingRun.open(folder.resolve("run")).withPictures(2, 1).folder(folder.resolve("samples"));

        BufferedImage picture = ImageIO.read(samples.resolve("000001.png").toFile());
        assertThat(picture.getWidth()).isEqualTo(64);
        assertThat(picture.getHeight()).isEqualTo(64);
    }

    @Test
    void scoresComeFromDecodedPicturesAndLikeDrawings() throws Exception {
        train(
                folder.resolve("run"),
                "train.steps=2",
                "evaluate.every=1",
                "evaluate.samples=8",
                "evaluate.metrics=[fid]");

        assertThat(Files.readString(folder.resolve("run").resolve("stats.jsonl")))
                .contains("eval/fd_embedded_teacher");
        assertThat(folder.resolve("run").resolve("evaluate-reference.safetensors"))
                .exists();
    }

    @Test
    void otherClassesAreAnotherRun() throws Exception {
        train(folder.resolve("run"), "train.steps=1");

        assertThatThrownBy(() -> train(folder.resolve("run"), "data.classes=[hearts, flags]"))
                .hasMessageContaining("data.classes");
    }

    @Test
    void modelThatDoesNotFitTheLatentsIsRefused() {
        assertThatThrownBy(() -> train(folder.resolve("a"), "model.inChannels=3"))
                .hasMessageContaining("model.inChannels must be 4 for emoji in data.space LATENTS but was 3");
        assertThatThrownBy(() -> train(folder.resolve("b"), "model.inputSize=32"))
                .hasMessageContaining("model.inputSize must be 16 for emoji in data.space LATENTS but was 32");
        assertThatThrownBy(() -> train(folder.resolve("c"), "model.numClasses=8"))
                .hasMessageContaining("model.numClasses must be 2 for emoji, [hearts, clocks], but was 8");
        assertThatThrownBy(() -> train(folder.resolve("d"), "encoder.width=64"))
                .hasMessageContaining("encoder.width must be 128");
        assertThatThrownBy(() -> train(folder.resolve("e"), "data.classes=[hearts, watches]"))
                .hasMessageContaining("data.classes must be among");
    }

    @Test
    void withoutAlignmentThereAreNoTokens() throws Exception {
        assertThat(train(
                        folder.resolve("run"),
                        "encoder.kind=NONE",
                        "align.enabled=false",
                        "cls.enabled=false",
                        "train.steps=2"))
                .isEqualTo(StopReason.COMPLETED);
    }
}
