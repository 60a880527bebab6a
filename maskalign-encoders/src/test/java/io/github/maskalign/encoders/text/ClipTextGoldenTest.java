package io.github.maskalign.encoders.text;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonParser;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.encoders.text.TextEncoder.TextTokens;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Compares with transformers' CLIPTextModel, CLIPTextModelWithProjection and CLIPModel, and with open_clip. */
@Tag("bits")
@Tag("device")
class ClipTextGoldenTest {
    /** float32 through two or three blocks. */
    private static final double TOLERANCE = 1e-5;

    /** bfloat16 keeps 8 bits, and errors of a few layers add up. */
    private static final double BFLOAT16_TOLERANCE = 3e-2;

    private static final Path GOLDEN = Path.of("src", "test", "resources", "golden", "clip-text");

    @ParameterizedTest
    @ValueSource(strings = {"plain", "projection", "whole", "open-clip"})
    void tokensAndPooledVectorsAreThoseOfTheOriginals(String name) throws Exception {
        compare(name, Precision.FLOAT32, TOLERANCE);
    }

    @ParameterizedTest
    @ValueSource(strings = {"plain", "projection", "whole", "open-clip"})
    void bfloat16IsClose(String name) throws Exception {
        compare(name, Precision.BFLOAT16, BFLOAT16_TOLERANCE);
    }

    @Test
    void captionsDoNotDependOnEachOther() throws Exception {
        try (NDManager manager = NDManager.newBaseManager();
                TextEncoder encoder = open("plain", Precision.FLOAT32)) {
            TextTokens both = encoder.encode(manager, List.of("a photo of a cat", "a dog"));
            TextTokens one = encoder.encode(manager, List.of("a dog"));

            // the same sums in another order at most
            assertThat(GoldenCase.relativeError(one.tokens(), both.tokens().get("1:2")))
                    .isLessThan(1e-6);
            assertThat(GoldenCase.relativeError(one.pooled(), both.pooled().get("1:2")))
                    .isLessThan(1e-6);
        }
    }

    @Test
    void shapesAndTypesAreAsPromised() throws Exception {
        try (NDManager manager = NDManager.newBaseManager();
                TextEncoder encoder = open("projection", Precision.FLOAT32)) {
            TextTokens out = encoder.encode(manager, List.of("", "a cat", "x ".repeat(100)));

            assertThat(encoder.length()).isEqualTo(77);
            assertThat(encoder.width()).isEqualTo(24);
            assertThat(encoder.pooledWidth()).isEqualTo(10);
            assertThat(out.tokens().getShape()).isEqualTo(new Shape(3, 77, 24));
            assertThat(out.pooled().getShape()).isEqualTo(new Shape(3, 10));
            assertThat(out.ids().getShape()).isEqualTo(new Shape(3, 77));
            assertThat(out.ids().getDataType()).isEqualTo(DataType.INT64);
            assertThat(out.mask().getDataType()).isEqualTo(DataType.INT64);
            assertThat(out.mask().sum(new int[] {1}).toLongArray()).containsExactly(2, 4, 77);
            assertThat(out.truncated()).isEqualTo(1);
            assertThat(encoder.file().getFileName()).hasToString("model.safetensors");
        }
    }

    @Test
    void nothingIsLeftBehind() throws Exception {
        try (NDManager manager = NDManager.newBaseManager();
                TextEncoder encoder = open("plain", Precision.FLOAT32)) {
            encoder.encode(manager, List.of("a cat")).close();
            int before = manager.getManagedArrays().size();

            encoder.encode(manager, List.of("a cat")).close();

            assertThat(manager.getManagedArrays()).hasSize(before);
        }
    }

    @Test
    void equalCaptionsGiveEqualBits() throws Exception {
        try (NDManager manager = NDManager.newBaseManager();
                TextEncoder encoder = open("plain", Precision.FLOAT32)) {
            List<String> captions = List.of("a cat", "three birds on a wire");

            assertThat(encoder.encode(manager, captions).tokens().toFloatArray())
                    .isEqualTo(encoder.encode(manager, captions).tokens().toFloatArray());
        }
    }

    private static void compare(String name, Precision precision, double tolerance) throws Exception {
        try (NDManager manager = NDManager.newBaseManager();
                TextEncoder encoder = open(name, precision)) {
            GoldenCase golden = GoldenCase.load(ClipTextGoldenTest.class, "clip-text", name, manager);
            List<String> captions = new ArrayList<>();
            JsonParser.parseString(golden.metadata().get("captions"))
                    .getAsJsonArray()
                    .forEach(caption -> captions.add(
                            name.equals("open-clip")
                                    ? caption.getAsString().replace('!', '.')
                                    : caption.getAsString()));

            TextTokens out = encoder.encode(manager, captions);

            assertThat(out.ids().toLongArray())
                    .isEqualTo(golden.get("inputs/ids").toLongArray());
            assertThat(GoldenCase.relativeError(out.tokens(), golden.get("outputs/tokens")))
                    .isLessThan(tolerance);
            assertThat(GoldenCase.relativeError(out.pooled(), golden.get("outputs/pooled")))
                    .isLessThan(tolerance);
        }
    }

    private static TextEncoder open(String name, Precision precision) throws Exception {
        return ClipTextEncoder.open(GOLDEN.resolve(name), Engine.getInstance().defaultDevice(), precision);
    }
}
