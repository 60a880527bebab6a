package io.github.maskalign.sit.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.data.ImageTensorData;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.image.PictureReader;
import io.github.maskalign.core.train.TrainConfig;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTTraining;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A run that a program made, without config.yaml, has a state, a report and pictures like any other. */
class ProgramRunTest {
    @TempDir
    Path home;

    @Test
    void statusReportAndSamplesNeedNothingElse() throws IOException {
        Path run = home.resolve("mine");
        train(run, 4);

        RunStatus status = RunStatus.read(run, true);
        assertThat(status.name()).isEqualTo("mine");
        assertThat(status.phase()).isEqualTo(RunStatus.Phase.COMPLETED);
        assertThat(status.toText()).contains("step        4 of 4", "checkpoint  step 4");
        assertThat(status.pace().imagesPerSecond()).isPositive();

        Path page = home.resolve("report.html");
        RunReport.read(List.of(run), List.of(), 2).writePage(page, "Mine", Instant.now());
        assertThat(page)
                .content()
                .contains("SiT, DROP", "depth 2, width 24, patch 2", "optim.lr: 1.0e-4")
                .contains("<td>16</td>"); // pictures seen

        Path samples = SamplingRun.open(run)
                .withPictures(3, 1)
                .withSampling((own, model) -> own.withMethod(own.method(), 2))
                .folder(home.resolve("samples"));
        assertThat(PictureReader.read(samples.resolve("000002.png")).width()).isEqualTo(6);
        Path grid = SamplingRun.open(run)
                .withSampling((own, model) -> own.withMethod(own.method(), 2))
                .grid(null, 1);
        assertThat(grid)
                .isEqualTo(run.toAbsolutePath().resolve("samples-0.png"))
                .exists();
    }

    @Test
    void statusFollowsTheNewestLength() throws IOException {
        Path run = home.resolve("mine");
        train(run, 2);
        train(run, 3);

        assertThat(RunStatus.read(run, false).steps()).isEqualTo(3);
    }

    @Test
    void otherFoldersAreNamed() throws IOException {
        assertThatThrownBy(() -> RunStatus.read(home, false))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("neither config.yaml of a command nor training.json");
        Path broken = Files.writeString(home.resolve("training.json"), "{\"steps\": 3}");
        assertThatThrownBy(() -> RunStatus.read(home, false))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining(broken.toString());
        assertThatThrownBy(() -> SamplingRun.open(home).folder(home.resolve("samples")))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("a snapshot-*.safetensors or a checkpoint in " + home);
    }

    private static void train(Path run, long steps) throws IOException {
        byte[][] pictures = new byte[8][3 * 6 * 6];
        int[] classes = new int[8];
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < 8; i++) {
            random.nextBytes(pictures[i]);
            classes[i] = i % 4;
        }
        SiTConfig model = SiTConfig.of(6, 2, 3, 24, 2, 3, 4).withSubset(SubsetConfig.defaults());
        try (SiTTraining training = SiTTraining.builder()
                .setModel(model)
                .setData((draws, kept) -> new ImageTensorData(pictures, classes, new Shape(3, 6, 6), draws))
                .setSteps(steps)
                .setBatch(4)
                .optMetricsEvery(1)
                .optSaving(new TrainConfig.Saving(2, 2, 0))
                .optFolder(run)
                .build()) {
            training.run();
        }
    }
}
