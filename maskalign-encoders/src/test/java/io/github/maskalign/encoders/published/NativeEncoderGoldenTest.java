package io.github.maskalign.encoders.published;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.align.RepresentationEncoder.EncoderTokens;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.encoders.published.NativeEncoder.EncoderName;
import io.github.maskalign.encoders.vit.Vit.VitParts.Positions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Compares with the classes of transformers, timm and open_clip, from weights under their published names. */
@Tag("bits")
@Tag("device")
class NativeEncoderGoldenTest {
    /** float32 through two to fifteen blocks. */
    private static final double TOLERANCE = 1e-5;

    private static final Map<String, String> NAMES = Map.of(
            "dinov2", "dinov2",
            "mae", "mae",
            "mocov3", "mocov3",
            "clip-image", "clip",
            "ijepa", "jepa",
            "dino", "dinov1");

    private static final Path GOLDEN = Path.of("src", "test", "resources", "golden");

    @TempDir
    Path folder;

    static Stream<Arguments> cases() {
        return NAMES.keySet().stream()
                .sorted()
                .flatMap(topic ->
                        GoldenCase.names(NativeEncoderGoldenTest.class, topic).map(name -> Arguments.of(topic, name)));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void tokensAreThoseOfTheRealClasses(String topic, String name) throws Exception {
        try (NDManager manager = NDManager.newBaseManager()) {
            GoldenCase golden = GoldenCase.load(NativeEncoderGoldenTest.class, topic, name, manager);
            Path file = folder.resolve("weights.safetensors");
            SafetensorsWriter.write(file, StateDict.of(golden.under("weights/")), Map.of());
            boolean registers =
                    !golden.metadata().getOrDefault("registers", "0").equals("0");
            int compared = 0;
            for (Map.Entry<String, Positions> picture : pictures(registers).entrySet()) {
                if (golden.has("inputs/image" + picture.getKey())) {
                    compare(file, NAMES.get(topic), golden, picture.getKey(), picture.getValue());
                    compared++;
                }
            }
            assertThat(compared).isPositive();
        }
    }

    /** Suffixes of a case's pictures, and the rule by which the table was resampled for them. */
    private static Map<String, Positions> pictures(boolean registers) {
        Map<String, Positions> out = new LinkedHashMap<>();
        out.put("", Positions.EXACT); // no rule is needed
        out.put(".repa", Positions.ANTIALIAS);
        out.put(".hub", Positions.OFFSET);
        out.put(".own", registers ? Positions.ANTIALIAS : Positions.EXACT);
        return out;
    }

    private static void compare(Path file, String encoder, GoldenCase golden, String suffix, Positions rule)
            throws IOException {
        String registers = golden.metadata().getOrDefault("registers", "0").equals("0") ? "" : "reg";
        NativeEncoder.Options options = new NativeEncoder.Options(
                EncoderName.parse(encoder + registers),
                Integer.parseInt(golden.metadata().getOrDefault("heads", "0")),
                rule,
                0,
                0,
                Precision.FLOAT32);
        try (NativeEncoder found =
                NativeEncoder.open(file, options, Engine.getInstance().defaultDevice())) {
            EncoderTokens tokens = found.tokensOf(golden.get("inputs/image" + suffix));

            assertThat(GoldenCase.relativeError(tokens.patchTokens(), golden.get("outputs/tokens" + suffix)))
                    .as(encoder + suffix)
                    .isLessThan(TOLERANCE);
            assertThat(found.hasClassToken()).isEqualTo(golden.has("outputs/cls" + suffix));
            if (found.hasClassToken()) {
                assertThat(GoldenCase.relativeError(tokens.classToken(), golden.get("outputs/cls" + suffix)))
                        .as(encoder + suffix)
                        .isLessThan(TOLERANCE);
            } else {
                assertThat(tokens.classToken().abs().max().getFloat()).isZero();
            }
        }
    }

    static Stream<Arguments> publishedFiles() throws IOException {
        JsonObject manifest = JsonParser.parseString(Files.readString(GOLDEN.resolve("published/manifest.json")))
                .getAsJsonObject();
        return manifest.getAsJsonObject("files").entrySet().stream()
                .map(e -> Arguments.of(
                        e.getKey(), e.getValue().getAsJsonObject().get("case").getAsString()));
    }

    @ParameterizedTest
    @MethodSource("publishedFiles")
    void filesOfTorchSaveAndSavePretrainedAreRead(String file, String topicAndCase) throws Exception {
        String[] parts = topicAndCase.split("/");
        try (NDManager manager = NDManager.newBaseManager()) {
            GoldenCase golden = GoldenCase.load(NativeEncoderGoldenTest.class, parts[0], parts[1], manager);

            compare(GOLDEN.resolve("published").resolve(file), NAMES.get(parts[0]), golden, "", Positions.ANTIALIAS);
        }
    }

    @Test
    void bytePicturesBecomeOneTokenForEachPatch() throws Exception {
        NativeEncoder.Options options = new NativeEncoder.Options(
                EncoderName.parse("dinov2"), 4, Positions.ANTIALIAS, 0, 0, Precision.BFLOAT16);
        try (NDManager manager = NDManager.newBaseManager();
                NativeEncoder encoder = NativeEncoder.open(
                        GOLDEN.resolve("published/dinov2-hf.safetensors"),
                        options,
                        Engine.getInstance().defaultDevice())) {
            NDArray pictures = manager.zeros(new Shape(2, 3, 256, 256), DataType.UINT8);
            EncoderTokens tokens = encoder.encode(pictures);

            assertThat(encoder.tokens(256)).isEqualTo(256);
            assertThat(tokens.patchTokens().getShape()).isEqualTo(new Shape(2, 256, 32));
            assertThat(tokens.patchTokens().getDataType()).isEqualTo(DataType.FLOAT32);
            assertThat(tokens.classToken().getShape()).isEqualTo(new Shape(2, 32));
            assertThat(manager.getManagedArrays()).hasSize(3);
        }
    }

    @Test
    void picturesOfASideThatTheGridDoesNotDivideAreResized() throws Exception {
        NativeEncoder.Options options = new NativeEncoder.Options(
                EncoderName.parse("dinov2"), 4, Positions.ANTIALIAS, 50, 4, Precision.FLOAT32);
        try (NDManager manager = NDManager.newBaseManager();
                NativeEncoder encoder = NativeEncoder.open(
                        GOLDEN.resolve("published/dinov2-hf.safetensors"),
                        options,
                        Engine.getInstance().defaultDevice())) {
            EncoderTokens tokens = encoder.encode(manager.zeros(new Shape(2, 3, 50, 50), DataType.UINT8));

            assertThat(encoder.tokens(50)).isEqualTo(16);
            assertThat(tokens.patchTokens().getShape()).isEqualTo(new Shape(2, 16, 32));
        }
    }

    @Test
    void filesOfOtherEncodersAreRefused() {
        Path hf = GOLDEN.resolve("published/dinov2-hf.safetensors");
        Path registers = GOLDEN.resolve("published/dinov2-reg4.pth");

        assertThatThrownBy(() -> NativeEncoder.open(
                        hf,
                        NativeEncoder.Options.of("dinov2-vit-b"),
                        Engine.getInstance().defaultDevice()))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("width 768 but these are 32 wide");
        assertThatThrownBy(() -> NativeEncoder.open(
                        registers,
                        NativeEncoder.Options.of("dinov2"),
                        Engine.getInstance().defaultDevice()))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("has 4 registers; its name is dinov2reg");
        assertThatThrownBy(() -> NativeEncoder.Options.of("dinov4-vit-b"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("must be dinov2, dinov2reg");
    }

    @Test
    void missingAndUnknownTensorsAreAllNamed() throws Exception {
        try (NDManager manager = NDManager.newBaseManager()) {
            GoldenCase golden = GoldenCase.load(NativeEncoderGoldenTest.class, "dino", "original", manager);
            Map<String, NDArray> weights = new LinkedHashMap<>(golden.under("weights/"));
            weights.remove("blocks.1.attn.proj.bias");
            weights.put("blocks.1.surprise", manager.zeros(new Shape(2)));
            weights.put("norm.bias", manager.zeros(new Shape(3)));
            Path file = folder.resolve("weights.safetensors");
            SafetensorsWriter.write(file, StateDict.of(weights), Map.of());

            assertThatThrownBy(() -> NativeEncoder.open(
                            file,
                            NativeEncoder.Options.of("dinov1"),
                            Engine.getInstance().defaultDevice()))
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining(file.toString())
                    .hasMessageContaining("\"blocks.1.attn.proj.bias\" with shape (32) is missing")
                    .hasMessageContaining("\"blocks.1.surprise\" with shape (2) is unexpected")
                    .hasMessageContaining("\"norm.bias\" must have shape (32) but has (3)");
        }
    }

    @Test
    void fileOfSomethingElseIsRefused() throws Exception {
        Path file = folder.resolve("x.safetensors");
        try (NDManager manager = NDManager.newBaseManager()) {
            SafetensorsWriter.write(file, StateDict.of(Map.of("a", manager.zeros(new Shape(2)))), Map.of());
        }
        for (String name : List.of("dinov2", "clip", "jepa")) {
            assertThatThrownBy(() -> NativeEncoder.open(
                            file,
                            NativeEncoder.Options.of(name),
                            Engine.getInstance().defaultDevice()))
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining("there is no pos_embed");
        }
    }
}
