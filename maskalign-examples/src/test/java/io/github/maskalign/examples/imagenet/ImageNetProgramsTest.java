package io.github.maskalign.examples.imagenet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.train.TrainConfig;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.examples.CommandRun;
import io.github.maskalign.sit.SiTVariant;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The two programs on the miniature of ImageNet, with the miniature's autoencoder and its DINOv2. */
@Tag("slow")
class ImageNetProgramsTest {
    private final CommandRun command = new CommandRun();

    @TempDir
    Path folder;

    private Path mini;

    @BeforeEach
    void draw() {
        mini = folder.resolve("mini");
        assertThat(command.workbench("mini-ilsvrc", mini, "--per-class", "4"))
                .as(command.err())
                .isZero();
    }

    @Test
    void trainsOnCachedTokensGoesOnAndDraws() throws IOException {
        Path set = prepared(
                "--encoder=dinov2", "--encoder-file=" + mini.resolve("dinov2.safetensors"), "--encoder-heads=3");
        Path half = folder.resolve("half");
        Path whole = folder.resolve("whole");

        assertThat(TrainOnImageNet.train(set, half, SiTVariant.S_4, steps(2), null))
                .isEqualTo(StopReason.COMPLETED);
        TrainOnImageNet.train(set, half, SiTVariant.S_4, steps(3), null);
        TrainOnImageNet.train(set, whole, SiTVariant.S_4, steps(3), null);

        Path snapshot = half.resolve("snapshot-0000003.safetensors");
        assertThat(snapshot).hasSameBinaryContentAs(whole.resolve("snapshot-0000003.safetensors"));
        assertThat(Files.readAllLines(half.resolve("stats.jsonl"))).isNotEmpty();
        assertThatThrownBy(() -> TrainOnImageNet.train(set, half, SiTVariant.S_8, steps(4), null))
                .hasMessageContaining("model.patchSize");

        Path pictures = folder.resolve("pictures");
        SampleFromWeights.sample(snapshot, mini.resolve("vae"), pictures, 3, 0, 2);
        assertThat(ImageIO.read(pictures.resolve("1.png").toFile()).getWidth()).isEqualTo(256);

        // the command line understands the program's snapshot too
        Path grid = folder.resolve("grid.png");
        run("sample", snapshot, "--num=2", "--steps=2", "--vae", mini.resolve("vae"), "--out", grid);
        assertThat(grid).exists();
    }

    private Path prepared(Object... more) {
        Path set = folder.resolve("set");
        Object[] all = {
            "prepare", mini.resolve("ILSVRC2012_img_train.tar"), "--out", set, "--vae", mini.resolve("vae"), "--shard=8"
        };
        Object[] words = Arrays.copyOf(all, all.length + more.length);
        System.arraycopy(more, 0, words, all.length, more.length);
        run(words);
        return set;
    }

    private static TrainConfig steps(long steps) {
        return new TrainConfig(steps, 2, 1, new TrainConfig.Saving(1, 2, 0), new TrainConfig.Skipping(0, 0));
    }

    private void run(Object... words) {
        assertThat(command.run(words)).as(command.err()).isZero();
    }
}
