package io.github.maskalign.examples.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.config.Bound;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.train.StopReason;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The grids of a run. */
class RunPicturesTest {
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
        return ConfigBinder.bind(Path.of("..", "configs", "quickstart.yaml"), settings, RunConfig.class);
    }

    private StopReason train(String... more) throws IOException {
        return new TrainRun(config(more), folder, Path.of("target", "emoji-cache"), "test").run(false);
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
