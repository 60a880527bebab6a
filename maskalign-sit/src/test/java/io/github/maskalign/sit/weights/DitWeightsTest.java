package io.github.maskalign.sit.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.data.PixelScaling;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.WeightsFile.Unknown;
import io.github.maskalign.core.files.internal.TorchFileWriter;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.sample.SampleRequest;
import io.github.maskalign.core.sample.SampleRequest.NoiseSource;
import io.github.maskalign.core.sample.Sampler;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import io.github.maskalign.core.sample.VelocityField;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTVelocityField;
import io.github.maskalign.sit.TinySiT;
import io.github.maskalign.sit.weights.SiTWeights.ImportOptions;
import io.github.maskalign.sit.weights.WeightsExport.Extra;
import io.github.maskalign.sit.weights.internal.OpenWeights;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files of DiT, which have the names and shapes of willisma/SiT's, in and out. */
class DitWeightsTest {
    private static final ImportOptions HEADS = ImportOptions.AUTO.withNumHeads(2);
    private static final SiTConfig DIT = SiTConfig.of(8, 2, 4, 16, 2, 2, 5).withProcess(Process.DDPM);

    private NDManager manager;
    private GradMode editing;
    private SiT model;

    @TempDir
    Path folder;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager();
        editing = GradMode.off();
        model = TinySiT.moved(DIT, manager);
    }

    @AfterEach
    void close() {
        editing.close();
        manager.close();
    }

    @Test
    void aFileCalledAsDitsIsReadAndSaysTheSame() throws IOException {
        Path file = official("DiT-tiny.pt", StateDict.of(Weights.of(model)));

        try (OpenWeights opened = OpenWeights.open(file, null, Unknown.REFUSE)) {
            SiTWeights weights = opened.sit(HEADS);

            assertThat(weights.family()).isEqualTo(WeightsFamily.DIT);
            assertThat(weights.guess().evidence()).contains("2C = 8", "facebookresearch/DiT");
            assertThat(weights.config().process()).isEqualTo(Process.DDPM);
            assertThat(weights.config().model()).isEqualTo(DIT.model());
            assertThat(weights.notes()).isEmpty();
            assertThat(weights.sampling().method()).isEqualTo(SamplerMethod.DDPM);
            assertThat(weights.sampling().steps()).isEqualTo(250);
            assertThat(weights.sampling().guidance().legacyGuidedChannels()).isEqualTo(3);
            assertThat(weights.family().pixels()).isEqualTo(PixelScaling.ROUND);
            assertThat(noise(weights)).isEqualTo(noise(model));
        }
    }

    /** The way of a published file: a bare state dict, its family's sampler and quirk, and where the reference ends. */
    @Test
    void aFileAsPublishedIsSampledToWhereTheReferenceEnds() throws IOException {
        GoldenCase golden = GoldenCase.load(getClass(), "dit-samples", "ddpm-20-first-three-channels", manager);
        Path file = official("DiT-golden.pt", StateDict.of(golden.under("weights/")));
        try (OpenWeights opened = OpenWeights.open(file, null, Unknown.REFUSE)) {
            SiTWeights weights = opened.sit(HEADS);
            SamplerConfig own = weights.sampling();
            SamplerConfig how =
                    own.withMethod(own.method(), 20).withGuidance(own.guidance().withScale(4));
            SampleRequest request = new SampleRequest(0, golden.get("inputs/y").toLongArray(), new Shape(4, 4, 4), 0);
            NoiseSource noise = new NoiseSource() {
                @Override
                public NDList initial(NDManager owner, SampleRequest asked) {
                    return owned(owner, golden.get("inputs/latents"));
                }

                @Override
                public NDList path(NDManager owner, SampleRequest asked, int step) {
                    return owned(owner, golden.get("inputs/noise").get(step).toType(DataType.FLOAT64, true));
                }
            };
            ParameterStore store = new ParameterStore(manager, false);

            NDList end = new Sampler(how, weights.path())
                    .sample(manager, weights.field(weights.load(manager, Precision.FLOAT32), store), request, noise);

            assertThat(GoldenCase.relativeError(end.singletonOrThrow(), golden.get("outputs/x")))
                    .isLessThan(1e-5); // float32 against float64 in every call
        }
    }

    private static NDList owned(NDManager owner, NDArray array) {
        NDArray copy = array.duplicate();
        copy.attach(owner);
        return new NDList(copy);
    }

    private float[] noise(SiTWeights weights) throws IOException {
        ParameterStore store = new ParameterStore(manager, false);
        return noise(weights.field(weights.load(manager, Precision.FLOAT32), store));
    }

    private float[] noise(SiT of) {
        return noise(new SiTVelocityField(of, new ParameterStore(manager, false)));
    }

    private float[] noise(VelocityField field) {
        NDArray x = manager.arange(0, 256, 1, DataType.FLOAT32).div(128).reshape(1, 4, 8, 8);
        NDList said = field.noise()
                .orElseThrow()
                .noise(x, manager.create(new float[] {0.731f}), manager.create(new long[] {3}));
        assertThat(said.get(1).getShape()).isEqualTo(new Shape(1, 4, 8, 8));
        return said.get(0).concat(said.get(1), 1).toFloatArray();
    }

    @Test
    void whatNeitherNameNorValuesTellApartMustBeGiven() throws IOException {
        StateDict tensors = StateDict.of(Weights.of(model));

        assertThatThrownBy(() -> SiTWeights.read("weights.pt", tensors, Map.of(), HEADS))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("may be of the family sit-official (velocities) or dit")
                .hasMessageContaining("the family must be given");
        assertThat(SiTWeights.read("weights.pt", tensors, Map.of(), HEADS.from(WeightsFamily.DIT))
                        .config()
                        .process())
                .isEqualTo(Process.DDPM);
        SiTWeights sit = SiTWeights.read("a/SiT-XL-2.pt (ema)", tensors, Map.of(), HEADS);
        assertThat(sit.family()).isEqualTo(WeightsFamily.SIT_OFFICIAL);
        assertThat(sit.config().process()).isEqualTo(Process.FLOW);
        assertThat(sit.config().outChannels()).isEqualTo(4);
    }

    @Test
    void aSecondHalfThatNoLossReachedIsSits() throws IOException {
        Map<String, TensorSource> tensors =
                new LinkedHashMap<>(StateDict.of(Weights.of(model)).tensors());
        TensorSource head = tensors.get("final_layer.linear.weight");
        float[] values = head.floats();
        for (int i = 0; i < values.length; i++) {
            if (i / 16 % 8 >= 4) {
                values[i] = 0;
            }
        }
        tensors.put("final_layer.linear.weight", TensorSource.of(head.shape(), values));

        SiTWeights weights = SiTWeights.read("weights.pt", StateDict.ofTensors(tensors), Map.of(), HEADS);

        assertThat(weights.family()).isEqualTo(WeightsFamily.SIT_OFFICIAL);
        assertThat(weights.guess().evidence()).contains("never trained");
    }

    @Test
    void whatWasSavedHereSaysItself() throws IOException {
        Path file = folder.resolve("mine.safetensors");
        SiTWeights.save(model, file);

        try (SiTWeights saved = SiTWeights.open(file)) {
            assertThat(saved.family()).isEqualTo(WeightsFamily.DIT);
            assertThat(saved.config()).isEqualTo(DIT);
            assertThat(noise(saved)).isEqualTo(noise(model));
            assertThatThrownBy(() -> SiTWeights.read(
                            "mine", saved.tensors(), saved.metadata(), HEADS.from(WeightsFamily.SIT_OFFICIAL)))
                    .hasMessageContaining("was trained with diffusion.process DDPM, as its metadata says")
                    .hasMessageContaining("no file of the family sit-official");
        }
    }

    @Test
    void settingsOfASnapshotSayIt() {
        assertThat(ModelSettings.of(DIT)).containsEntry("diffusion.process", "DDPM");
        assertThat(ModelSettings.of(TinySiT.plain())).doesNotContainKey("diffusion.process");
        assertThat(ModelSettings.family(DIT)).isEqualTo("dit");
        Map<String, String> metadata = new LinkedHashMap<>();
        ModelSettings.of(DIT).forEach((key, value) -> metadata.put("config." + key, value));
        assertThat(ModelSettings.find(metadata).orElseThrow().process()).isEqualTo(Process.DDPM);
    }

    @Test
    void theExportHasDitsKeysBitForBit() throws IOException {
        StateDict tensors = StateDict.of(Weights.of(model));
        SiTWeights weights = SiTWeights.read("DiT.pt", tensors, Map.of(), HEADS);

        WeightsExport export = WeightsExport.of(weights, WeightsFamily.DIT, Extra.REFUSE);

        assertThat(WeightsExport.naturalFamily(weights)).isEqualTo(WeightsFamily.DIT);
        assertThat(export.tensors().keys()).isEqualTo(tensors.keys());
        assertThat(export.tensors().shapes().get("final_layer.linear.weight")).isEqualTo(new Shape(32, 16));
        for (String key : tensors.keys()) {
            assertThat(export.tensors().get(key).floats())
                    .as(key)
                    .isEqualTo(tensors.get(key).floats());
        }
        SiTWeights again = SiTWeights.read("again", export.tensors(), export.metadata(), ImportOptions.AUTO);
        assertThat(again.config()).isEqualTo(weights.config());
    }

    @Test
    void projectorsStayWithUsAndVelocitiesOut() throws IOException {
        SiTConfig aligned = DIT.withAlignment(1, 12, List.of(7));
        Path file = folder.resolve("aligned.safetensors");
        SiTWeights.save(TinySiT.moved(aligned, manager), file);
        try (SiTWeights weights = SiTWeights.open(file)) {
            assertThat(weights.config()).isEqualTo(aligned);
            assertThat(WeightsExport.naturalFamily(weights)).isEqualTo(WeightsFamily.SIT);
            WeightsExport all = WeightsExport.of(weights, WeightsFamily.SIT, Extra.REFUSE);
            assertThat(SiTWeights.read("all", all.tensors(), all.metadata(), ImportOptions.AUTO)
                            .config())
                    .isEqualTo(aligned);
            WeightsExport bare = WeightsExport.of(weights, WeightsFamily.DIT, Extra.REFUSE);
            assertThat(bare.tensors().keys()).noneMatch(key -> key.startsWith("projectors"));
            for (WeightsFamily other : Arrays.asList(WeightsFamily.REPA, WeightsFamily.SIT_OFFICIAL)) {
                assertThatThrownBy(() -> WeightsExport.of(weights, other, Extra.REFUSE))
                        .isInstanceOf(CheckpointFormatException.class)
                        .hasMessageContaining(other.id() + " predicts velocities");
            }
        }
        SiTWeights.save(TinySiT.moved(TinySiT.plain(), manager), file);
        try (SiTWeights weights = SiTWeights.open(file)) {
            assertThatThrownBy(() -> WeightsExport.of(weights, WeightsFamily.DIT, Extra.REFUSE))
                    .hasMessageContaining("dit predicts noise and variance");
        }
    }

    private Path official(String name, StateDict tensors) throws IOException {
        Path file = folder.resolve(name);
        TorchFileWriter.write(file, tensors); // a bare state dict, as published
        return file;
    }
}
