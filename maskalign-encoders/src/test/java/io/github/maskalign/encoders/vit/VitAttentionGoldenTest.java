package io.github.maskalign.encoders.vit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.RepresentationEncoder.EncoderTokens;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.encoders.vit.Vit.VitParts;
import io.github.maskalign.encoders.vit.Vit.VitParts.Activation;
import io.github.maskalign.encoders.vit.Vit.VitParts.Positions;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What the softmax sees, and what it makes of the patches alone, against timm's class in float64. */
@Tag("bits")
@Tag("device")
class VitAttentionGoldenTest {
    /** float32 through three blocks. */
    private static final double TOLERANCE = 1e-5;

    static Stream<String> cases() {
        return GoldenCase.names(VitAttentionGoldenTest.class, "vit-attention");
    }

    @ParameterizedTest
    @MethodSource("cases")
    void attentionIsThatOfTimm(String name) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode off = GradMode.off()) {
            GoldenCase golden = GoldenCase.load(getClass(), "vit-attention", name, manager);
            Vit vit = vit(golden, manager);
            ParameterStore store = new ParameterStore(manager, false);

            EncoderTokens tokens = vit.tokens(store, golden.get("inputs/image"), List.of(1, 2, 3));

            boolean classToken = golden.has("weights/cls_token");
            for (Map.Entry<Integer, NDArray> block : tokens.attention().entrySet()) {
                NDArray logits = block.getValue();
                NDArray patches = logits.get(":, :, 1:, 1:");
                assertThat(GoldenCase.relativeError(
                                classToken ? logits : patches, golden.get("outputs/logits." + block.getKey())))
                        .isLessThan(TOLERANCE);
                assertThat(GoldenCase.relativeError(
                                patches.softmax(3), golden.get("outputs/patches." + block.getKey())))
                        .isLessThan(TOLERANCE);
                if (!classToken) {
                    assertThat(logits.get(":, :, 0").toFloatArray()).containsOnly(0);
                    assertThat(logits.get(":, :, :, 0").toFloatArray()).containsOnly(0);
                }
            }
            assertThat(tokens.attention().keySet()).containsExactlyInAnyOrder(1, 2, 3);
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void attentionIsComputedOnlyOfBlocksThatAreAskedForAndTheTokensStayTheSame(String name) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode off = GradMode.off()) {
            GoldenCase golden = GoldenCase.load(getClass(), "vit-attention", name, manager);
            Vit vit = vit(golden, manager);
            ParameterStore store = new ParameterStore(manager, false);
            NDArray image = golden.get("inputs/image");

            EncoderTokens none = vit.tokens(store, image, List.of());
            EncoderTokens second = vit.tokens(store, image, List.of(2));

            assertThat(none.attention()).isEmpty();
            assertThat(second.attention().keySet()).containsExactly(2);
            assertThat(second.patchTokens()).isEqualTo(none.patchTokens());
            assertThatThrownBy(() -> vit.tokens(store, image, List.of(4)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("from 1 to 3")
                    .hasMessageContaining("block 4");
        }
    }

    static Vit vit(GoldenCase golden, NDManager manager) {
        boolean classToken = golden.has("weights/cls_token");
        VitParts parts = new VitParts(
                classToken,
                Integer.parseInt(golden.metadata().getOrDefault("registers", "")),
                true,
                Activation.GELU,
                true,
                false,
                true,
                classToken,
                1e-6,
                Positions.ANTIALIAS);
        Vit vit = new Vit(new VitConfig(24, 8, 24, 3, 2, 96, 1, parts), Precision.FLOAT32);
        vit.initialize(manager, DataType.FLOAT32, golden.get("inputs/image").getShape());
        Weights.copyInto(vit, golden.under("weights/"));
        return vit;
    }
}
