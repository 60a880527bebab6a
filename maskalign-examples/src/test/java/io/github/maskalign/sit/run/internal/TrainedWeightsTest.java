package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.sit.run.RunConfig;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainedWeightsTest {
    @TempDir
    private Path folder;

    @BeforeEach
    void write() throws IOException {
        List<String> overrides = List.of("optim.emaDecay=0.999", "optim.extraEmaDecays=[0.9, 0.99]");
        Path quickstart = Path.of("..", "configs", "emoji-32.yaml");
        Files.writeString(
                folder.resolve("config.yaml"),
                ConfigBinder.bind(quickstart, overrides, RunConfig.class).yaml());
        for (String name : List.of("0000010", "0000020", "ema0.9-0000010", "ema0.9-0000020")) {
            Files.createFile(folder.resolve("snapshot-" + name + ".safetensors"));
        }
    }

    @Test
    void newestSnapshotOfTheNamedAverageIsFound() throws IOException {
        assertThat(TrainedWeights.find(folder).weights()).hasFileName("snapshot-0000020.safetensors");
        assertThat(TrainedWeights.find(folder, 0.999).weights()).hasFileName("snapshot-0000020.safetensors");
        assertThat(TrainedWeights.find(folder, 0.9).weights()).hasFileName("snapshot-ema0.9-0000020.safetensors");
        assertThat(SampleSource.isRun(folder.resolve("snapshot-ema0.9-0000010.safetensors")))
                .isTrue();
    }

    @Test
    void stepsAreComparedAsNumbers() throws IOException {
        Files.createFile(folder.resolve("snapshot-9999999.safetensors"));
        Path newest = Files.createFile(folder.resolve("snapshot-10000000.safetensors"));

        assertThat(TrainedWeights.find(folder).weights()).isEqualTo(newest);
    }

    @Test
    void averageThatIsNotThereIsRefusedWithThoseThatAre() {
        assertThatThrownBy(() -> TrainedWeights.find(folder, 0.5))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(folder + " keeps averages of the decays [0.999, 0.9, 0.99] but not of 0.5; they are"
                        + " optim.emaDecay and optim.extraEmaDecays");
        assertThatThrownBy(() -> TrainedWeights.find(folder, Double.NaN))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("--ema must be in [0, 1] but was NaN");
        assertThatThrownBy(() -> TrainedWeights.find(folder, 0.99))
                .isInstanceOf(FileNotFoundException.class)
                .hasMessageContaining("snapshot-ema0.99-*.safetensors");
        assertThatThrownBy(() -> TrainedWeights.find(folder.resolve("snapshot-0000020.safetensors"), 0.9))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("--ema goes with a run folder");
    }
}
