package io.github.maskalign.encoders.vit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import ai.djl.ndarray.NDManager;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.RepresentationEncoder.EncoderTokens;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.golden.GoldenCase;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The tokens of the last blocks side by side, against timm's class in float64. */
@Tag("bits")
class VitJoinedGoldenTest {
    static Stream<String> cases() {
        return GoldenCase.names(VitJoinedGoldenTest.class, "vit-joined");
    }

    @ParameterizedTest
    @MethodSource("cases")
    void tokensAreThoseOfTimmAndTheLastBlocksComeLast(String name) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode off = GradMode.off()) {
            GoldenCase golden = GoldenCase.load(getClass(), "vit-joined", name, manager);
            Vit vit = VitAttentionGoldenTest.vit(golden, manager);
            ParameterStore store = new ParameterStore(manager, false);
            EncoderTokens alone = vit.tokens(store, golden.get("inputs/image"), List.of());

            for (int k : new int[] {2, 3}) {
                EncoderTokens tokens = vit.tokens(store, golden.get("inputs/image"), List.of(1), k);

                // 1e-5: float32 through three blocks
                assertThat(GoldenCase.relativeError(tokens.patchTokens(), golden.get("outputs/patches." + k)))
                        .isLessThan(1e-5);
                if (golden.has("outputs/class." + k)) {
                    assertThat(GoldenCase.relativeError(tokens.classToken(), golden.get("outputs/class." + k)))
                            .isLessThan(1e-5);
                }
                assertThat(tokens.patchTokens().get(":, :, -24:").toFloatArray())
                        .isEqualTo(alone.patchTokens().toFloatArray());
                assertThat(tokens.classToken().get(":, -24:").toFloatArray())
                        .isEqualTo(alone.classToken().toFloatArray());
                assertThat(tokens.attention()).containsOnlyKeys(1);
            }
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> vit.tokens(store, golden.get("inputs/image"), List.of(), 4))
                    .withMessageContaining("the last 1 to 3 blocks, all that there are, can be joined, but 4");
        }
    }
}
