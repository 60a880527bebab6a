package io.github.maskalign.sit.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.sit.run.internal.RunFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The grids of a run, in its folder and in TensorBoard. */
class RunPicturesTest {
    private static final String PNG = "\u0089PNG\r\n\u001a\n";

    @TempDir
    Path folder;

    private static Bound<RunConfig> config(String... more) throws IOException {
        List<String> settings = new ArrayList<>(List.of(
                "data.sets=[fxemoji]",
                "model.hiddenSize=24",
                "model.patchSize=8",
                "model.depth=2",
                "model.numHeads=2",
                "encoder.kind=NONE",
                "align.enabled=false",
                "cls.enabled=false",
                "mixer.layers=0",
                "subset.placement=NONE",
                "train.steps=3",
                "train.globalBatch=4",
                "runtime.previewPictures=2",
                "sample.steps=2"));
        settings.addAll(List.of(more));
        return ConfigBinder.bind(Path.of("..", "configs", "emoji-32.yaml"), settings, RunConfig.class);
    }

    private StopReason train(String... more) throws IOException {
        return TrainingRun.open(config(more), folder)
                .withCache(Path.of("target", "emoji-cache"))
                .withVersion("test")
                .run();
    }

    /** All event files in one text, a byte a character. */
    private String events() throws IOException {
        StringBuilder text = new StringBuilder();
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.sorted().toList()) {
                if (file.getFileName().toString().startsWith("events.out.tfevents.")) {
                    text.append(Files.readString(file, StandardCharsets.ISO_8859_1));
                }
            }
        }
        return text.toString();
    }

    @Test
    void tensorBoardHasEveryGridOnce() throws Exception {
        assertThat(train("runtime.previewEvery=1", "train.steps=2")).isEqualTo(StopReason.COMPLETED);
        assertThat(train("runtime.previewEvery=1", "train.steps=2")).isEqualTo(StopReason.COMPLETED); // nothing to do
        assertThat(train("runtime.previewEvery=5", "train.steps=3")).isEqualTo(StopReason.COMPLETED);

        String events = events();
        for (String name : List.of("samples-0000001.png", "samples-0000002.png", "samples.png")) {
            assertThat(events).as(name).contains(Files.readString(folder.resolve(name), StandardCharsets.ISO_8859_1));
        }
        assertThat(events.split(PNG, -1)).hasSize(1 + 3);
        assertThat(events.split("\n\u0007samples", -1)).hasSize(1 + 3); // field 1 of a value, 7 bytes
    }

    @Test
    void gridThatCannotBeDrawnEndsTheRunBeforeItsFirstStep() throws Exception {
        String[] huge = {"runtime.previewPictures=2000000000"};

        assertThatThrownBy(() -> RunFiles.check(config(huge).value()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("runtime.previewPictures 2000000000 of ")
                .hasMessageContainingAll("make a grid of", "million pixels", "set less of either");
        assertThatThrownBy(() -> train("runtime.previewScale=100000"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("at runtime.previewScale 100000 make a grid of");
        assertThat(folder.resolve("checkpoints")).isEmptyDirectory();
    }
}
