package io.github.maskalign.sit.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.WeightsFile;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTInput;
import io.github.maskalign.sit.weights.SiTWeights.ImportOptions;
import io.github.maskalign.sit.weights.WeightsExport.Extra;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** MDTv2's files: other blocks, buffers that are no weights, and the chain. */
class MdtWeightsTest {
    @TempDir
    Path folder;

    private static Path official() throws URISyntaxException {
        return Path.of(Objects.requireNonNull(MdtWeightsTest.class.getResource("/golden/mdtv2-file/mdt.safetensors"))
                .toURI());
    }

    @Test
    void aFileOfTheProjectIsReadWithoutAWordAndWrittenBackWithTheSameBits() throws Exception {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode values = GradMode.off();
                WeightsFile stored = WeightsFile.open(official());
                SiTWeights weights = SiTWeights.open(official())) {
            assertThat(weights.family()).isEqualTo(WeightsFamily.MDTV2);
            SiTConfig config = weights.config();
            assertThat(config.model().depth()).isEqualTo(6);
            assertThat(config.model().numHeads()).isEqualTo(5); // which the tables of biases show
            assertThat(config.subset().placement()).isEqualTo(SubsetPlacement.MASKED_PASS);
            assertThat(config.subset().sparse().dense()).isEqualTo(2);
            assertThat(config.process()).isEqualTo(Process.DDPM);
            assertThat(weights.notes()).anyMatch(note -> note.contains("left out relative_position_index"));
            SamplerConfig own = weights.sampling();
            assertThat(own.method()).isEqualTo(SamplerMethod.DDPM);
            assertThat(own.guidance().legacyGuidedChannels()).isEqualTo(3);
            assertThat(own.guidance().cfgPower()).isEqualTo(4);

            GoldenCase said = GoldenCase.load(MdtWeightsTest.class, "mdtv2-file", "said", manager);
            SiT model = weights.load(manager, Precision.FLOAT32);
            SiTInput in = new SiTInput(said.get("x"), said.get("t"), said.get("y"), null, null, null);
            NDArray predicted =
                    model.forward(new ParameterStore(manager, false), in, false).velocity();
            assertThat(GoldenCase.relativeError(predicted, said.get("predicted")))
                    .isLessThan(1e-5);

            StateDict before = stored.stateDict();
            WeightsExport export = WeightsExport.of(weights, WeightsFamily.MDTV2, Extra.REFUSE);
            assertThat(export.tensors().keys()).isEqualTo(before.keys());
            for (String key : before.keys()) {
                if (key.endsWith("_index")) {
                    assertThat(export.tensors().get(key).longs())
                            .as(key)
                            .isEqualTo(before.get(key).longs());
                } else {
                    assertThat(export.tensors().get(key).floats())
                            .as(key)
                            .isEqualTo(before.get(key).floats());
                }
            }
        }
    }

    @Test
    void aModelOfOursIsSavedReadAndExported() throws IOException {
        for (Process process : Process.values()) {
            SiTConfig plain = SiTConfig.of(4, 2, 4, 24, 3, 2, 5).withProcess(process);
            SiTConfig config =
                    plain.withSubset(plain.subset().withSparse(1, 0)).withPlacement(SubsetPlacement.MASKED_PASS, 0, 0);
            Path file = folder.resolve("mdt.safetensors");
            try (NDManager manager = NDManager.newBaseManager();
                    GradMode values = GradMode.off()) {
                SiT model = new SiT(config);
                model.initialize(manager);
                SiTWeights.save(model, file);
                try (SiTWeights read = SiTWeights.open(file)) {
                    assertThat(read.config()).isEqualTo(config);
                    assertThat(ModelSettings.of(config)).containsEntry("subset.dense", "1");
                    assertThat(WeightsExport.of(read, WeightsExport.naturalFamily(read), Extra.REFUSE)
                                    .tensors()
                                    .keys())
                            .isEqualTo(read.tensors().keys());
                    assertThatThrownBy(() -> WeightsExport.of(read, WeightsFamily.DIT, Extra.KEEP))
                            .isInstanceOf(CheckpointFormatException.class)
                            .hasMessageContaining("blocks with long skips");
                    if (process == Process.FLOW) {
                        assertThatThrownBy(() -> WeightsExport.of(read, WeightsFamily.MDTV2, Extra.KEEP))
                                .hasMessageContaining("predicts noise and variance");
                    }
                }
            }
        }
    }

    @Test
    void blocksThatDoNotPairAreNamed() throws Exception {
        try (WeightsFile stored = WeightsFile.open(official())) {
            Map<String, TensorSource> left =
                    new LinkedHashMap<>(stored.stateDict().tensors());
            left.keySet().removeIf(key -> key.startsWith("en_outblocks.1."));

            assertThatThrownBy(() -> SiTWeights.read("x.pt", StateDict.ofTensors(left), Map.of(), ImportOptions.AUTO))
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining("en_outblocks.1.skip_linear.weight");
            assertThatThrownBy(() -> SiTWeights.read(
                            "x.pt", stored.stateDict(), Map.of(), ImportOptions.AUTO.from(WeightsFamily.SIT_OFFICIAL)))
                    .isInstanceOf(CheckpointFormatException.class);
        }
    }
}
