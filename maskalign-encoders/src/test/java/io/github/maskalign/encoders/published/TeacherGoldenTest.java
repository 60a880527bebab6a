package io.github.maskalign.encoders.published;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.RepresentationEncoder.EncoderTokens;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.encoders.published.NativeEncoder.EncoderName;
import io.github.maskalign.encoders.vit.Vit.VitParts.Positions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Compares DINOv3, SigLIP 2, Perception Encoder and C-RADIO with the classes of transformers and timm, from weights under
 * their published names.
 */
@Tag("bits")
class TeacherGoldenTest {
    /** float32 through two blocks, against values of float64. */
    private static final double TOLERANCE = 1e-5;

    /** Operands with 8 bits of mantissa, tokens of variance about 1: as for the vision transformer of DINOv2. */
    private static final float ROUNDED = 0.1f;

    private static final List<String> TOPICS = List.of("dinov3", "siglip2", "perception-encoder", "c-radio");

    /** Suffixes of a case's pictures, and the rule by which the class resampled its table for them. */
    private static final Map<String, Positions> PICTURES = Map.of(
            "", Positions.EXACT, ".repa", Positions.ANTIALIAS, ".own", Positions.EXACT, ".larger", Positions.EXACT);

    @TempDir
    Path folder;

    static Stream<Arguments> cases() {
        return TOPICS.stream()
                .flatMap(topic ->
                        GoldenCase.names(TeacherGoldenTest.class, topic).map(name -> Arguments.of(topic, name)));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void tokensAreThoseOfTheRealClasses(String topic, String name) throws Exception {
        try (NDManager manager = NDManager.newBaseManager()) {
            GoldenCase golden = GoldenCase.load(TeacherGoldenTest.class, topic, name, manager);
            Path file = write(golden.under("weights/"));
            int compared = 0;
            for (Map.Entry<String, Positions> picture : PICTURES.entrySet()) {
                String suffix = picture.getKey();
                if (golden.has("inputs/image" + suffix)) {
                    try (NativeEncoder encoder =
                            NativeEncoder.open(file, options(golden, picture.getValue()), Device.cpu())) {
                        assertSame(encoder, encoder.tokensOf(golden.get("inputs/image" + suffix)), golden, suffix);
                        compared++;
                    }
                }
            }
            assertThat(compared).isGreaterThan(1); // the table's own grid, and another
        }
    }

    /** The normalisation is where teachers go wrong unseen: bytes here, the family's own processor there. */
    @ParameterizedTest
    @MethodSource("cases")
    void bytesArePreparedAsByTheFamilysOwnProcessor(String topic, String name) throws Exception {
        try (NDManager manager = NDManager.newBaseManager()) {
            GoldenCase golden = GoldenCase.load(TeacherGoldenTest.class, topic, name, manager);
            if (!golden.has("inputs/pictures")) {
                assertThat(name).contains("original"); // the same model under other names
                return;
            }
            Path file = write(golden.under("weights/"));
            try (NativeEncoder encoder = NativeEncoder.open(file, options(golden, Positions.EXACT), Device.cpu())) {
                assertSame(encoder, encoder.encode(golden.get("inputs/pictures")), golden, ".bytes");
            }
        }
    }

    private static void assertSame(NativeEncoder encoder, EncoderTokens tokens, GoldenCase golden, String suffix) {
        assertThat(GoldenCase.relativeError(tokens.patchTokens(), golden.get("outputs/tokens" + suffix)))
                .as("patch tokens" + suffix)
                .isLessThan(TOLERANCE);
        assertThat(encoder.hasClassToken()).isEqualTo(golden.has("outputs/cls" + suffix));
        if (encoder.hasClassToken()) {
            assertThat(GoldenCase.relativeError(tokens.classToken(), golden.get("outputs/cls" + suffix)))
                    .as("class token" + suffix)
                    .isLessThan(TOLERANCE);
        } else {
            assertThat(tokens.classToken().abs().max().getFloat()).isZero();
        }
    }

    @ParameterizedTest
    @CsvSource({"dinov3, hf-gated", "siglip2, hf", "perception-encoder, core", "c-radio, hf"})
    void bfloat16StaysClose(String topic, String name) throws Exception {
        try (NDManager manager = NDManager.newBaseManager()) {
            GoldenCase golden = GoldenCase.load(TeacherGoldenTest.class, topic, name, manager);
            NativeEncoder.Options exact = options(golden, Positions.EXACT);
            NativeEncoder.Options rounded = new NativeEncoder.Options(
                    exact.name(), exact.heads(), exact.positions(), 28, 7, Precision.BFLOAT16);
            try (NativeEncoder encoder = NativeEncoder.open(write(golden.under("weights/")), rounded, Device.cpu())) {
                EncoderTokens tokens = encoder.tokensOf(golden.get("inputs/image"));

                assertClose(tokens.patchTokens(), golden.get("outputs/tokens"));
                assertClose(tokens.classToken(), golden.get("outputs/cls"));
            }
        }
    }

    private static void assertClose(NDArray found, NDArray exact) {
        assertThat(found.getDataType()).isEqualTo(DataType.FLOAT32);
        assertThat(GoldenCase.relativeError(found, exact)).isBetween(1e-5, (double) ROUNDED);
    }

    @ParameterizedTest
    @CsvSource({"dinov3, hf-mlp", "perception-encoder, core"})
    void attentionOfTurnedQueriesAndKeysIsThatOfTheRealClasses(String topic, String name) throws Exception {
        try (NDManager manager = NDManager.newBaseManager()) {
            GoldenCase golden = GoldenCase.load(TeacherGoldenTest.class, topic, name, manager);
            Path file = write(golden.under("weights/"));
            try (NativeEncoder encoder = NativeEncoder.open(file, options(golden, Positions.EXACT), Device.cpu())) {
                NDArray logits = encoder.tokensOf(golden.get("inputs/image"), List.of(2))
                        .attention()
                        .get(2);

                assertThat(GoldenCase.relativeError(
                                logits.get(":, :, 1:, 1:").softmax(3), golden.get("outputs/patches")))
                        .isLessThan(TOLERANCE);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"dinov3, hf-mlp", "siglip2, hf", "perception-encoder, core", "c-radio, hf"})
    void attentionHasARowForTheClassTokenAndEachPatchAndLeavesTheTokensAlone(String topic, String name)
            throws Exception {
        try (NDManager manager = NDManager.newBaseManager()) {
            GoldenCase golden = GoldenCase.load(TeacherGoldenTest.class, topic, name, manager);
            try (NativeEncoder encoder = NativeEncoder.open(
                    write(golden.under("weights/")), options(golden, Positions.EXACT), Device.cpu())) {
                EncoderTokens tokens = encoder.encode(golden.get("inputs/pictures"), List.of(1, 2));

                assertThat(tokens.attention()).containsOnlyKeys(1, 2);
                for (NDArray logits : tokens.attention().values()) {
                    assertThat(logits.getShape()).isEqualTo(new Shape(2, 2, 50, 50));
                }
                assertSame(encoder, tokens, golden, ".bytes");
            }
        }
    }

    @Test
    void namesOfOtherSizesFamiliesAndKindsAreRefused() throws Exception {
        refuses("dinov3", "hf-mlp", "dinov3-vit-7b", weights -> {}, "tokens of width 4096 but these are 32 wide");
        refuses("dinov3", "hf-mlp", "dinov2", weights -> {}, "there is no pos_embed");
        refuses("siglip2", "hf", "dinov3", weights -> {}, "so this is no DINOV3 encoder");
        refuses(
                "perception-encoder",
                "core",
                "pe-spatial",
                weights -> {},
                "\"norm.weight\" with shape (32) is unexpected");
        refuses(
                "perception-encoder",
                "spatial",
                "pe-core",
                weights -> {},
                "\"norm.weight\" with shape (32) is missing");
        refuses("c-radio", "hf", "siglip2", weights -> {}, "there is no pos_embed");
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray flat = manager.zeros(new Shape(32, 48)); // as NaFlex models have it
            refuses(
                    "siglip2",
                    "hf",
                    "siglip2",
                    weights -> weights.put("vision_model.embeddings.patch_embedding.weight", flat),
                    "patch_embed.proj.weight must have 4 dimensions but has shape (32, 48)");
        }
    }

    @Test
    void missingAndUnknownTensorsAreNamed() throws Exception {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray two = manager.zeros(new Shape(2));
            refuses(
                    "dinov3",
                    "hf-gated",
                    "dinov3",
                    weights -> {
                        weights.remove("layer.1.attention.k_proj.weight");
                        weights.remove("layer.1.mlp.gate_proj.bias");
                        weights.put("layer.1.surprise", two);
                    },
                    "\"blocks.1.attn.qkv.weight\" with shape (96, 32) is missing",
                    "\"blocks.1.mlp.w12.bias\" with shape (128) is missing",
                    "\"blocks.1.surprise\" with shape (2) is unexpected");
            refuses(
                    "siglip2",
                    "timm",
                    "siglip2",
                    weights -> weights.remove("attn_pool.kv.bias"),
                    "\"attn_pool.qkv.bias\" with shape (96) is missing",
                    "\"attn_pool.q.bias\" with shape (32) is unexpected");
            refuses(
                    "c-radio",
                    "hf",
                    "c-radio",
                    weights -> weights.put("radio_model.model.patch_generator.cls_token.token", two),
                    "\"tokens_before\" with shape (2) is unexpected");
            refuses(
                    "c-radio",
                    "hf",
                    "c-radio",
                    weights -> weights.put("radio_model.input_conditioner.norm_std", manager.zeros(new Shape(3, 1, 1))),
                    "its input_conditioner cannot be used: std must be above 0 but was [0.0, 0.0, 0.0]");
        }
    }

    private void refuses(
            String topic, String name, String encoder, Consumer<Map<String, NDArray>> change, String... says)
            throws IOException {
        try (NDManager manager = NDManager.newBaseManager()) {
            GoldenCase golden = GoldenCase.load(TeacherGoldenTest.class, topic, name, manager);
            Map<String, NDArray> weights = new LinkedHashMap<>(golden.under("weights/"));
            change.accept(weights);
            Path file = write(weights);
            NativeEncoder.Options options = new NativeEncoder.Options(
                    EncoderName.parse(encoder), 2, Positions.ANTIALIAS, 0, 0, Precision.FLOAT32);
            assertThatThrownBy(() -> NativeEncoder.open(file, options, Device.cpu()))
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining(file.toString())
                    .hasMessageContainingAll(says);
        }
    }

    private static NativeEncoder.Options options(GoldenCase golden, Positions rule) {
        EncoderName name = EncoderName.parse(golden.metadata().getOrDefault("encoder", ""));
        int heads = Integer.parseInt(golden.metadata().getOrDefault("heads", "0"));
        return new NativeEncoder.Options(name, heads, rule, 28, 7, Precision.FLOAT32);
    }

    private Path write(Map<String, NDArray> weights) throws IOException {
        Path file = folder.resolve("weights.safetensors");
        SafetensorsWriter.write(file, StateDict.of(weights), Map.of());
        return file;
    }
}
