package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.sit.SiTConfig.AlignConfig.ProjectorKind;
import io.github.maskalign.sit.weights.SiTWeights;
import io.github.maskalign.sit.weights.WeightsFamily;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A model in one call to a file, and in one call back. */
class SavedModelTest {
    @TempDir
    Path folder;

    @Test
    void everyModelComesBackWithAllItsWeights() throws IOException {
        Path file = folder.resolve("mine.safetensors");
        for (Map.Entry<String, SiTConfig> entry : TinySiT.family().entrySet()) {
            SiTConfig config = entry.getValue();
            if (config.learnSigma()) {
                continue; // its second half is left out when a file is read
            }
            try (NDManager manager = NDManager.newBaseManager(Device.cpu())) {
                SiT model = TinySiT.moved(config, manager);

                SiTWeights.save(model, file);
                try (SiTWeights saved = SiTWeights.open(file)) {
                    SiT same = saved.load(manager, Precision.FLOAT32);

                    assertThat(bytes(same)).as(entry.getKey()).isEqualTo(bytes(model));
                    assertThat(saved.config().model()).isEqualTo(config.model());
                    assertThat(saved.config().mixer()).isEqualTo(config.mixer());
                    assertThat(saved.config().subset().decoder())
                            .isEqualTo(config.subset().decoder());
                    if (config.subset().placement() == SubsetPlacement.SPARSE) {
                        assertThat(saved.config().subset().placement()).isEqualTo(SubsetPlacement.SPARSE);
                        assertThat(saved.config().subset().sparse().dense()).isEqualTo(1);
                    }
                }
            }
        }
    }

    @Test
    void projectorsComeBackAsWhatAndWhereTheyWere() throws IOException {
        Path file = folder.resolve("projectors.safetensors");
        SiTConfig two = TinySiT.plain().withAlignment(2, 20, List.of(7, 11));
        SiTConfig places = two.withAlignment(two.align().withDepths(List.of(1, 3)));
        SiTConfig conv = places.withAlignment(places.align().withProjector(ProjectorKind.CONV, 5));
        for (SiTConfig config : List.of(places, conv)) {
            try (NDManager manager = NDManager.newBaseManager(Device.cpu())) {
                SiT model = TinySiT.moved(config, manager);

                SiTWeights.save(model, file);
                try (SiTWeights saved = SiTWeights.open(file)) {
                    SiT same = saved.load(manager, Precision.FLOAT32);

                    assertThat(bytes(same)).isEqualTo(bytes(model));
                    assertThat(saved.config().align().depths()).containsExactly(1, 3);
                    assertThat(saved.config().align().projector())
                            .isEqualTo(config.align().projector());
                    assertThat(saved.config().encoderWidths()).containsExactly(7, 11);
                    assertThat(saved.config().align().kernel())
                            .isEqualTo(config.align().kernel());
                }
            }
        }
    }

    @Test
    void familyIsThatOfTheParts() throws IOException {
        Path file = folder.resolve("reg.safetensors");
        try (NDManager manager = NDManager.newBaseManager(Device.cpu())) {
            SiTWeights.save(TinySiT.fresh(TinySiT.reg(), manager), file);
        }

        try (SiTWeights saved = SiTWeights.open(file)) {
            assertThat(saved.family()).isEqualTo(WeightsFamily.REG);
        }
        Files.delete(file); // nothing holds it
    }

    @Test
    void otherFilesAreNamed() throws IOException {
        Path file = Files.writeString(folder.resolve("no.safetensors"), "not weights at all");

        assertThatThrownBy(() -> SiTWeights.open(file))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("no.safetensors");
        assertThatThrownBy(() -> SiTWeights.open(folder.resolve("missing.safetensors")))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("missing.safetensors");
    }

    private static Map<String, String> bytes(SiT model) {
        Map<String, String> out = new LinkedHashMap<>();
        Weights.of(model).forEach((key, array) -> out.put(key, java.util.Arrays.toString(array.toFloatArray())));
        return out;
    }
}
