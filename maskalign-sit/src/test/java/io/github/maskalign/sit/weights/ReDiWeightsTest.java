package io.github.maskalign.sit.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDManager;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.sit.LossTerms;
import io.github.maskalign.sit.LossTerms.Features;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.weights.SiTWeights.ImportOptions;
import io.github.maskalign.sit.weights.WeightsExport.Extra;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** ReDi's checkpoints: 12 channels, of which the last 8 are no part of the picture, and the other time axis. */
class ReDiWeightsTest {
    @TempDir
    Path folder;

    @Test
    void aPublishedFileKnowsItsFeaturesAndIsWrittenBackWithTheSameBits() throws IOException {
        try (NDManager manager = NDManager.newBaseManager();
                Fixture fixture = Fixture.open("redi", manager)) {
            SiTWeights weights = fixture.read();

            assertThat(weights.family()).isEqualTo(WeightsFamily.REDI);
            assertThat(weights.config().latentChannels()).isEqualTo(4);
            assertThat(weights.config().featureChannels()).isEqualTo(8);
            assertThat(weights.notes()).anyMatch(note -> note.contains("last 8 of 12 channels for features"));

            WeightsExport export = WeightsExport.of(weights.dataAtZero(), WeightsFamily.REDI, Extra.REFUSE);
            SiTWeights again = SiTWeights.read("again", export.tensors(), export.metadata(), ImportOptions.AUTO);
            assertThat(again.time()).isEqualTo(weights.time());
            assertThat(again.config().featureChannels()).isEqualTo(8);
            assertThat(again.tensors().keys()).allMatch(key -> !key.startsWith("projector"));
            for (String key : again.tensors().keys()) {
                if (!key.equals("t_embedder.mlp.0.weight")) { // turned twice: rounded
                    assertThat(again.tensors().get(key).floats())
                            .as(key)
                            .isEqualTo(weights.tensors().get(key).floats());
                }
            }
            WeightsExport same = WeightsExport.of(weights, WeightsFamily.REDI, Extra.REFUSE);
            for (String key : same.tensors().keys()) {
                assertThat(same.tensors().get(key).floats())
                        .as(key)
                        .isEqualTo(fixture.tensors().get(key).floats());
            }
        }
    }

    @Test
    void aModelOfOursIsSavedReadAndExportedWithItsGroups() throws IOException {
        SiTConfig config = SiTConfig.of(4, 2, 3, 24, 2, 2, 5).withFeatures(Features.of(5));
        Path file = folder.resolve("redi.safetensors");
        try (NDManager manager = NDManager.newBaseManager();
                GradMode values = GradMode.off()) {
            SiT model = new SiT(config);
            model.initialize(manager);
            SiTWeights.save(model, file);

            try (SiTWeights read = SiTWeights.open(file)) {
                assertThat(read.config().latentChannels()).isEqualTo(3);
                assertThat(read.config().terms()).isEqualTo(LossTerms.NONE.withFeatures(Features.of(5)));
                assertThat(read.field(read.load(manager, Precision.FLOAT32), new ParameterStore(manager, false))
                                .featureChannels())
                        .isEqualTo(5);
                assertThat(ModelSettings.of(read.config()))
                        .containsEntry("model.inChannels", "3")
                        .containsEntry("terms.features.channels", "5");
                assertThat(WeightsExport.of(read, WeightsFamily.REDI, Extra.REFUSE)
                                .tensors()
                                .keys())
                        .isEqualTo(read.tensors().keys());
            }
        }
        assertThat(ModelSettings.of(SiTConfig.of(4, 2, 3, 24, 2, 2, 5))).doesNotContainKey("terms.features.channels");
    }

    @Test
    void classTokensAreNotRedis() {
        SiTConfig reglue =
                SiTConfig.of(4, 2, 4, 24, 2, 2, 5).withFeatures(Features.of(16)).withClassToken(20);
        assertThatThrownBy(() -> {
                    try (NDManager manager = NDManager.newBaseManager()) {
                        SiT model = new SiT(reglue);
                        model.initialize(manager);
                        Path file = folder.resolve("reglue.safetensors");
                        SiTWeights.save(model, file);
                        try (SiTWeights read = SiTWeights.open(file)) {
                            WeightsExport.of(read, WeightsFamily.REDI, Extra.REFUSE);
                        }
                    }
                })
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("redi has no class token");
    }
}
