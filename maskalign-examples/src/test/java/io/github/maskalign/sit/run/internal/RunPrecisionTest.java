package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.engine.internal.TensorFloat32;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.TrainingRun;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class RunPrecisionTest {
    @TempDir
    Path root;

    @ParameterizedTest
    @EnumSource
    void engineIsSwitchedForTensorFloat32Alone(RunPrecision precision) throws IOException {
        try (Closeable products = precision.enter()) {
            assertThat(TensorFloat32.isOn()).isEqualTo(precision == RunPrecision.TF32);
        }
        assertThat(TensorFloat32.isOn()).isFalse();
        assertThat(precision.ofBlocks() == Precision.BFLOAT16).isEqualTo(precision == RunPrecision.BFLOAT16);
    }

    @Test
    void aRunHoldsItFromBeginToEndAndRecordsIt() throws Exception {
        assertThat(provenance("TF32")).contains("\"precision\": \"TF32\"", "\"tf32\": \"true\"");
        assertThat(TensorFloat32.isOn()).isFalse();
        assertThat(provenance("FLOAT32")).contains("\"precision\": \"FLOAT32\"").doesNotContain("tf32");
    }

    /** Trains one step; the facts are taken while the run is going on. */
    private String provenance(String precision) throws IOException {
        List<String> small = List.of(
                "model.hiddenSize=24",
                "model.depth=1",
                "model.numHeads=2",
                "align.depth=1",
                "align.projectorDim=16",
                "mixer.layers=1",
                "train.steps=1",
                "train.globalBatch=2",
                "runtime.previewPictures=1",
                "runtime.precision=" + precision,
                "sample.steps=1");
        Bound<RunConfig> config = ConfigBinder.bind(Path.of("..", "configs", "emoji-32.yaml"), small, RunConfig.class);
        Path folder = root.resolve(precision);
        TrainingRun.open(config, folder)
                .withCache(Path.of("target", "emoji-cache"))
                .withVersion("test")
                .run();
        return Files.readString(folder.resolve("provenance.json"));
    }
}
