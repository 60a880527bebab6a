package io.github.maskalign.sit.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTVariant;
import io.github.maskalign.sit.weights.SiTWeights.ImportOptions;
import io.github.maskalign.sit.weights.internal.Keys;
import io.github.maskalign.sit.weights.internal.RoundedTensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is said about files that are not quite a model. */
class SiTWeightsTest {
    private final List<Fixture> opened = new ArrayList<>();
    private NDManager manager;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager();
    }

    @AfterEach
    void close() throws IOException {
        for (Fixture fixture : opened) {
            fixture.close();
        }
        manager.close();
    }

    @Test
    void everyMissingAndUnexpectedKeyIsNamed() {
        assertThatThrownBy(() -> read("reg", Map.of(), all -> {
                    all.remove("blocks.1.mlp.fc2.bias");
                    all.remove("wg_norm.weight");
                    all.remove("final_layer.linear_cls.bias");
                    all.put("blocks.1.mlp.fc3.weight", zeros(2, 2));
                    all.put("blocks.0.attn.proj.bias", zeros(3));
                }))
                .isInstanceOfSatisfying(
                        CheckpointFormatException.class,
                        e -> assertThat(e.problems())
                                .hasSize(5)
                                .anyMatch(p -> p.contains("\"blocks.1.mlp.fc2.bias\" with shape (16) is missing"))
                                .anyMatch(p -> p.contains("\"wg_norm.weight\"") && p.contains("missing"))
                                .anyMatch(p -> p.contains("\"final_layer.linear_cls.bias\"") && p.contains("missing"))
                                .anyMatch(p -> p.contains("\"blocks.1.mlp.fc3.weight\"") && p.contains("unexpected"))
                                .anyMatch(p -> p.contains("\"blocks.0.attn.proj.bias\" must have shape (16)")));
    }

    @Test
    void gapBetweenBlocksIsAMissingBlock() {
        assertThatThrownBy(() -> read(
                        "repa-legacy",
                        Map.of(),
                        all -> all.keySet().removeIf(key -> key.startsWith("decoder_blocks.0."))))
                .hasMessageContaining("\"blocks.1.attn.qkv.weight\" with shape (48, 16) is missing");
    }

    @Test
    void halfAMixerIsAnError() {
        assertThatThrownBy(() -> read("maskalign", Map.of(), all -> all.remove("mixer.1.attn.qkv.bias")))
                .hasMessageContaining("\"mixer.1.attn.qkv.bias\" with shape (48) is missing");
    }

    @Test
    void wholeProjectorsMayBeMissing() throws Exception {
        SiTWeights weights = read("reg", Map.of(), all -> all.keySet().removeIf(Keys::isProjector));

        assertThat(weights.config().encoderWidths()).isEmpty();
        assertThat(weights.config().classTokenWidth()).isEqualTo(10);
    }

    @Test
    void modelOfAnotherKindIsNoneOfTheFamily() {
        assertThatThrownBy(() -> SiTWeights.read(
                        "vit.pt", StateDict.ofTensors(Map.of("cls_token", zeros(1))), Map.of(), ImportOptions.AUTO))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessage("vit.pt: has no x_embedder.proj.weight (D, C, p, p) and y_embedder.embedding_table.weight,"
                        + " so it is no model of the SiT family");
    }

    @Test
    void headsOfAnUnpublishedSizeMustBeGiven() {
        assertThatThrownBy(() -> read("repa", Map.of(), all -> {}, ImportOptions.AUTO))
                .hasMessageContaining("no published size has depth 2 and width 16: the heads must be given");
        assertThatThrownBy(() -> read("repa", Map.of(), all -> {}, ImportOptions.AUTO.withNumHeads(3)))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("numHeads must divide hiddenSize 16 but was 3");
    }

    @ParameterizedTest
    @EnumSource
    void publishedSizesNeedNothingGiven(SiTVariant variant) throws Exception {
        SiTConfig config = variant.config()
                .withAlignment(variant.alignDepth(), 2048, List.of(768))
                .withClassToken(768);
        Map<String, TensorSource> tensors = new LinkedHashMap<>();
        ParameterKeys.of(new SiT(config))
                .forEach((key, parameter) -> tensors.put(key, new Zeros(parameter.getShape())));

        SiTWeights weights = SiTWeights.read("xl.pt", StateDict.ofTensors(tensors), Map.of(), ImportOptions.AUTO);

        assertThat(weights.config()).isEqualTo(config);
        assertThat(weights.family()).isEqualTo(WeightsFamily.REG);
    }

    @Test
    void settingsOfARunSayWhatTensorsDoNot() throws Exception {
        Map<String, String> metadata = new LinkedHashMap<>(Map.of(
                "family", "maskalign",
                "config.model.inputSize", "8",
                "config.model.patchSize", "2",
                "config.model.inChannels", "4",
                "config.model.hiddenSize", "16",
                "config.model.depth", "2",
                "config.model.numHeads", "4",
                "config.model.numClasses", "5",
                "config.model.mlpRatio", "4.0",
                "config.model.classDropoutProb", "0.1"));
        metadata.put("config.model.variant", "null");
        metadata.put("config.align.enabled", "true");
        metadata.put("config.align.depth", "2");
        metadata.put("config.align.projectorDim", "12");
        metadata.put("config.mixer.layers", "2");
        metadata.put("config.mixer.width", "0");
        metadata.put("config.mixer.heads", "8");
        metadata.put("config.mixer.mlpRatio", "4.0");
        metadata.put("config.mixer.conditioning", "ADALN_ZERO");
        metadata.put("config.diffusion.path", "COSINE");

        SiTWeights weights = read("maskalign", metadata, all -> {}, ImportOptions.AUTO);

        assertThat(weights.config().model().numHeads()).isEqualTo(4);
        assertThat(weights.config().align().depth()).isEqualTo(2);
        assertThat(weights.config().mixer().heads()).isEqualTo(8);
        assertThat(weights.metadata()).containsEntry("path", "COSINE");
        assertThatThrownBy(() -> read("maskalign", metadata, all -> {}, ImportOptions.AUTO.withNumHeads(2)))
                .hasMessageContaining("has 4 attention heads, as its metadata says, but 2 were asked for");
    }

    @Test
    void modelsBecomeSettingsAndBack() {
        SiTConfig config = SiTConfig.of(16, 2, 4, 24, 3, 3, 7)
                .withOptions(3.5, 0.2, false, false)
                .withMixer(new MixerConfig(1, 12, 4, 2, MixerConfig.Conditioning.ADALN_PLAIN_INIT));

        assertThat(ModelSettings.find(snapshotOf(config))).contains(config);
        assertThat(ModelSettings.find(snapshotOf(config.withAlignment(2, 20, List.of(5)))))
                .contains(config.withAlignment(2, 20, List.of())); // the tensors tell the encoder's width
        assertThat(ModelSettings.find(Map.of())).isEmpty();
    }

    private static Map<String, String> snapshotOf(SiTConfig config) {
        Map<String, String> metadata = new LinkedHashMap<>();
        ModelSettings.of(config).forEach((key, value) -> metadata.put("config." + key, value));
        return metadata;
    }

    @ParameterizedTest
    @ValueSource(strings = {"{", "[]", "{\"depth\":2}", "null", "{\"z_dims\":[[[[1]]]]}"})
    void metadataThatDescribesNoModelIsIgnored(String config) throws Exception {
        SiTWeights weights = read("repa", Map.of("config", config, "family", "unet"), all -> {}, Fixture.HEADS);

        assertThat(weights.family()).isEqualTo(WeightsFamily.REPA);
        assertThat(weights.config().model().numHeads()).isEqualTo(2);
    }

    @Test
    void encoderDepthOfALegacyFileIsItsNumberOfBlocks() throws Exception {
        assertThat(read("repa-legacy", Map.of(), all -> {}, ImportOptions.AUTO.withNumHeads(2))
                        .config()
                        .align()
                        .depth())
                .isEqualTo(1);
        assertThatThrownBy(() -> read("repa-legacy", Map.of(), all -> {}, Fixture.HEADS.withAlignDepth(2)))
                .hasMessageContaining("has 1 blocks before its decoder_blocks, so align.depth must be 1");
    }

    @Test
    void givenFamilyMustBePossible() {
        assertThatThrownBy(() -> read("repa", Map.of(), all -> {}, Fixture.HEADS.from(WeightsFamily.REPA_LEGACY)))
                .hasMessageContaining("has no decoder_blocks");
        assertThatThrownBy(() -> read("repa", Map.of(), all -> {}, Fixture.HEADS.from(WeightsFamily.REPA_E)))
                .hasMessageContaining("must have both bn.running_mean and bn.running_var");
        assertThatThrownBy(() -> read("repa", Map.of(), all -> {}, Fixture.HEADS.from(WeightsFamily.REG)))
                .hasMessageContaining("has no cls_projectors2.weight, so it is no file of the family reg");
    }

    @Test
    void strangePositionTableIsKeptAndNoted() throws Exception {
        SiTWeights weights = read("repa", Map.of(), all -> all.put("pos_embed", zeros(1, 16, 16)));

        assertThat(weights.notes()).anyMatch(note -> note.contains("differs from the sine-cosine formula by 1.0"));
        assertThat(weights.tensors().get("pos_embed").floats()).containsOnly(0f);
        assertThat(read("repa", Map.of(), all -> {}).notes()).isEmpty();
    }

    @Test
    void integersAreNoWeights() {
        assertThatThrownBy(() -> read(
                        "repa",
                        Map.of(),
                        all -> all.put("final_layer.linear.bias", TensorSource.of(new Shape(16), new long[16]))))
                .hasMessageContaining("\"final_layer.linear.bias\" must hold floating-point numbers but has type I64");
    }

    @Test
    void keysThatMeetAfterThePrefixIsGoneAreRefused() {
        assertThatThrownBy(() -> read("repa", Map.of(), all -> all.put("module.pos_embed", zeros(1, 16, 16))))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("\"pos_embed\" stands for two of its keys");
    }

    @Test
    void manyBlocksInASmallFileAreRefusedBeforeAModelIsMade() {
        assertThatThrownBy(() -> read("repa", Map.of(), all -> all.put("blocks.999999.attn.qkv.bias", zeros(48))))
                .hasMessageContaining("has blocks.999999 but only 39 tensors");
    }

    @Test
    void weightsOfOtherTypesAreRead() throws Exception {
        SiTWeights exact = read("reg", Map.of(), all -> {});
        SiTWeights half = read(
                "reg", Map.of(), all -> all.replaceAll((key, tensor) -> RoundedTensor.of(tensor, TensorType.BF16)));

        float[] expected = exact.tensors().get("wg_norm.weight").floats();
        float[] found = half.tensors().get("wg_norm.weight").floats();
        for (int i = 0; i < found.length; i++) {
            assertThat(Math.abs(found[i] - expected[i])).isLessThanOrEqualTo(Math.abs(expected[i]) / 256); // 8 bits
        }
        assertThat(half.load(manager, Precision.FLOAT32).config()).isEqualTo(exact.config());
    }

    private SiTWeights read(String name, Map<String, String> metadata, Consumer<Map<String, TensorSource>> change)
            throws Exception {
        return read(name, metadata, change, Fixture.HEADS);
    }

    private SiTWeights read(
            String name,
            Map<String, String> metadata,
            Consumer<Map<String, TensorSource>> change,
            ImportOptions options)
            throws Exception {
        Fixture fixture = Fixture.open(name, manager);
        opened.add(fixture);
        Map<String, TensorSource> all = new LinkedHashMap<>(fixture.tensors().tensors());
        change.accept(all);
        return SiTWeights.read(name, StateDict.ofTensors(all), metadata, options);
    }

    private static TensorSource zeros(long... shape) {
        Shape all = new Shape(shape);
        return TensorSource.of(all, new float[(int) all.size()]);
    }

    /** Zeros that take no memory before they are read. */
    private record Zeros(Shape shape) implements TensorSource {
        @Override
        public TensorType type() {
            return TensorType.F32;
        }

        @Override
        public void sendTo(Sink sink) throws IOException {
            sink.accept(ByteBuffer.allocate((int) byteSize()));
        }
    }
}
