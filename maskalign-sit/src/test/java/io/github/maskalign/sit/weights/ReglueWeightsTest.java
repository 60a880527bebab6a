package io.github.maskalign.sit.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDManager;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.sit.LossTerms.Features;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.weights.SiTWeights.ImportOptions;
import io.github.maskalign.sit.weights.WeightsExport.Extra;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** REGLUE's checkpoints: REG's names on 20 channels, of which the last 16 are no part of the picture. */
class ReglueWeightsTest {
    @TempDir
    Path folder;

    @Test
    void aPublishedFileKnowsItsFeaturesAndIsWrittenBackWithTheSameBits() throws IOException {
        try (NDManager manager = NDManager.newBaseManager();
                Fixture fixture = Fixture.open("reglue", manager)) {
            SiTWeights weights = fixture.read();

            assertThat(weights.family()).isEqualTo(WeightsFamily.REGLUE);
            assertThat(weights.config().latentChannels()).isEqualTo(4);
            assertThat(weights.config().featureChannels()).isEqualTo(16);
            assertThat(weights.config().hasClassToken()).isTrue();
            assertThat(WeightsExport.naturalFamily(weights)).isEqualTo(WeightsFamily.REGLUE);

            WeightsExport export = WeightsExport.of(weights, WeightsFamily.REGLUE, Extra.REFUSE);

            assertThat(export.tensors().keys()).isEqualTo(fixture.tensors().keys());
            for (String key : export.tensors().keys()) {
                assertThat(export.tensors().get(key).floats())
                        .as(key)
                        .isEqualTo(fixture.tensors().get(key).floats());
            }
            SiTWeights again = SiTWeights.read("again", export.tensors(), export.metadata(), ImportOptions.AUTO);
            assertThat(again.family()).isEqualTo(WeightsFamily.REGLUE);
            assertThat(again.config().featureChannels()).isEqualTo(16);
        }
    }

    @Test
    void aModelOfOursKeepsItsGroupsAsReglue() throws IOException {
        SiTConfig config = SiTConfig.of(4, 2, 3, 24, 2, 2, 5)
                .withAlignment(1, 16, List.of(20))
                .withFeatures(Features.of(5))
                .withClassToken(20);
        try (NDManager manager = NDManager.newBaseManager();
                GradMode values = GradMode.off()) {
            SiT model = new SiT(config);
            model.initialize(manager);
            Path file = folder.resolve("reglue.safetensors");
            SiTWeights.save(model, file);
            try (SiTWeights read = SiTWeights.open(file)) {
                WeightsExport export = WeightsExport.of(read, WeightsFamily.REGLUE, Extra.REFUSE);
                SiTWeights again = SiTWeights.read("again", export.tensors(), export.metadata(), ImportOptions.AUTO);

                assertThat(again.config().latentChannels()).isEqualTo(3);
                assertThat(again.config().featureChannels()).isEqualTo(5);
                assertThat(again.field(again.load(manager, Precision.FLOAT32), new ParameterStore(manager, false))
                                .featureChannels())
                        .isEqualTo(5);
            }
        }
    }

    @Test
    void whatReglueIsNotIsRefused() throws IOException {
        refused(SiTConfig.of(4, 2, 4, 24, 2, 2, 5).withFeatures(Features.of(16)), "reglue needs a class token");
        refused(
                SiTConfig.of(4, 2, 4, 24, 2, 2, 5).withFeatures(Features.of(16)).withClassToken(20),
                "reglue's own loader is strict and wants projectors");
        refused(
                SiTConfig.of(4, 2, 4, 24, 2, 2, 5).withClassToken(20),
                "those with features as redi or reglue, but not as reglue");
    }

    private void refused(SiTConfig config, String why) throws IOException {
        Path file = folder.resolve("other.safetensors");
        try (NDManager manager = NDManager.newBaseManager()) {
            SiT model = new SiT(config);
            model.initialize(manager);
            SiTWeights.save(model, file);
        }
        try (SiTWeights read = SiTWeights.open(file)) {
            assertThatThrownBy(() -> WeightsExport.of(read, WeightsFamily.REGLUE, Extra.REFUSE))
                    .isInstanceOf(
                            config.featureChannels() == 0
                                    ? IllegalArgumentException.class
                                    : CheckpointFormatException.class)
                    .hasMessageContaining(why);
        }
    }
}
