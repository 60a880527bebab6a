package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.sit.SiTConfig.AlignConfig;
import io.github.maskalign.sit.SiTConfig.ClassTokenConfig;
import io.github.maskalign.sit.SiTConfig.ModelConfig;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Ranges of a model's sizes, and copies with other parts. */
class SiTConfigTest {
    private static final SiTConfig PLAIN = SiTConfig.of(16, 2, 4, 24, 6, 3, 10);

    static Stream<Arguments> wrong() {
        return Stream.of(
                refused(
                        () -> SiTConfig.of(15, 2, 4, 24, 6, 3, 10),
                        "model.inputSize must be a multiple of model.patchSize 2 but was 15"),
                refused(() -> SiTConfig.of(0, 2, 4, 24, 6, 3, 10), "model.inputSize must be in [1, 8192] but was 0"),
                refused(
                        () -> SiTConfig.of(16, 2, 4, 27, 6, 3, 10),
                        "model.hiddenSize must be a multiple of 4 but was 27"),
                refused(
                        () -> SiTConfig.of(16, 2, 4, 24, 6, 5, 10),
                        "model.numHeads must divide hiddenSize 24 but was 5"),
                refused(() -> SiTConfig.of(16, 2, 4, 24, 1025, 3, 10), "model.depth must be in [1, 1024] but was 1025"),
                refused(
                        () -> PLAIN.withOptions(0, 0.1, false, false),
                        "model.mlpRatio must be in (0, 256] but was 0.0"),
                refused(
                        () -> SiTConfig.of(16, 2, 4, 24, 6, 3, -1),
                        "model.numClasses must be in [1, 16777216] but was -1"),
                refused(
                        () -> PLAIN.withOptions(4, 1, false, false),
                        "model.classDropoutProb must be in [0, 1) but was 1.0"),
                refused(
                        () -> PLAIN.withOptions(4, Double.NaN, false, false),
                        "model.classDropoutProb must be in [0, 1) but was NaN"),
                refused(() -> PLAIN.withClassToken(-1), "classTokenWidth must be in [0, 65536] but was -1"),
                refused(
                        () -> PLAIN.withOptions(1e300, 0.1, false, false),
                        "model.mlpRatio must be in (0, 256] but was 1.0E300"),
                refused(
                        () -> PLAIN.withOptions(Double.NaN, 0.1, false, false),
                        "model.mlpRatio must be in (0, 256] but was NaN"),
                refused(
                        () -> PLAIN.withOptions(0.01, 0.1, false, false),
                        "model.mlpRatio must give the MLP at least one unit with hiddenSize 24 but was 0.01"),
                refused(
                        () -> SiTConfig.of(1 << 20, 2, 4, 24, 6, 3, 10),
                        "model.inputSize must be in [1, 8192] but was 1048576"),
                refused(
                        () -> SiTConfig.of(8192, 2, 4, 24, 6, 3, 10),
                        "model.inputSize and inChannels must give an input at most 67108864 numbers but was 268435456"),
                refused(
                        () -> SiTConfig.of(16, 2, 1 << 30, 24, 6, 3, 10),
                        "model.inChannels must be in [1, 65536] but was 1073741824"),
                refused(
                        () -> SiTConfig.of(16, Integer.MAX_VALUE, 4, 24, 6, 3, 10),
                        "model.patchSize must be in [1, 8192] but was 2147483647"),
                refused(
                        () -> SiTConfig.of(16, 2, 4, 1 << 20, 6, 3, 10),
                        "model.hiddenSize must be in [1, 65536] but was 1048576"),
                refused(
                        () -> SiTConfig.of(16, 2, 4, 24, 6, 3, Integer.MAX_VALUE),
                        "model.numClasses must be in [1, 16777216] but was 2147483647"),
                refused(
                        () -> PLAIN.withAlignment(3, 1 << 20, List.of()),
                        "align.projectorDim must be in [1, 65536] but was 1048576"),
                refused(() -> PLAIN.withClassToken(1 << 20), "classTokenWidth must be in [0, 65536] but was 1048576"),
                refused(
                        () -> PLAIN.withAlignment(3, 20, List.of(8, 0)),
                        "encoderWidths must be in [1, 65536] but was 0"),
                refused(() -> PLAIN.withLossWeights(-0.1, 0.5), "cls.beta must be at least 0 but was -0.1"),
                refused(() -> PLAIN.withLossWeights(0.03, Double.NaN), "align.coeff must be at least 0 but was NaN"));
    }

    private static Arguments refused(ThrowingCallable making, String message) {
        return Arguments.of(making, message);
    }

    @ParameterizedTest
    @MethodSource
    void wrong(ThrowingCallable making, String message) {
        assertThatThrownBy(making).isInstanceOf(IllegalArgumentException.class).hasMessage(message);
    }

    /** 4096² tokens of width 24 would be a table of 403 million numbers. */
    @Test
    void thePositionTableIsBounded() {
        assertThatThrownBy(() -> SiTConfig.of(4096, 1, 4, 24, 6, 3, 10))
                .hasMessage(
                        "model.inputSize, patchSize and hiddenSize must give the position table at most 67108864 numbers but was"
                                + " 402653184");
    }

    @Test
    void partsAreAddedWithoutTouchingOthers() {
        SiTConfig all = PLAIN.withClassToken(12)
                .withAlignment(3, 20, List.of(12))
                .withMixer(MixerConfig.PAPER)
                .withPlacement(SubsetPlacement.ROUTE, 1, 4)
                .withOptions(3, 0.2, true, true)
                .withLossWeights(0.04, 0.7);

        SiTConfig expected = new SiTConfig(
                new ModelConfig(16, 2, 4, 24, 6, 3, 3, 10, 0.2, true),
                new AlignConfig(true, 3, 0.7, 20),
                new ClassTokenConfig(true, 0.04),
                MixerConfig.PAPER,
                SubsetConfig.none()
                        .withPlacement(SubsetPlacement.ROUTE)
                        .withRatio(0.25)
                        .withRoute(1, 4),
                List.of(12),
                12,
                true,
                LossTerms.NONE);
        assertThat(all).isEqualTo(expected);
    }

    @Test
    void projectorsAndRoutesLieInTheModel() {
        assertThatThrownBy(() -> PLAIN.withAlignment(7, 20, List.of(12)))
                .hasMessage("align.depth must be in [1, 6] but was 7");
        assertThatThrownBy(() -> PLAIN.withPlacement(SubsetPlacement.ROUTE, 6, 6))
                .hasMessage(
                        "subset.routeStart and subset.routeEnd must lie in blocks 0 to 5 but was 6 to 6 (routeEnd 6)");
        assertThatThrownBy(() -> PLAIN.withPlacement(SubsetPlacement.ROUTE, 3, 2))
                .hasMessage("routeEnd must not be before routeStart 3 but was 2");
    }

    @Test
    void partsAreEnabledWhereTheyHaveAWidth() {
        SiTConfig reg = PLAIN.withAlignment(3, 20, List.of(12)).withClassToken(12);
        ModelConfig model = reg.model();

        assertThat(reg.withAlignment(3, 20, List.of()).withClassToken(0))
                .isEqualTo(PLAIN.withAlignment(3, 20, List.of()));
        assertThatThrownBy(() -> new SiTConfig(
                        model,
                        PLAIN.align(),
                        reg.cls(),
                        reg.mixer(),
                        reg.subset(),
                        List.of(12),
                        12,
                        false,
                        LossTerms.NONE))
                .hasMessage("align.enabled must say whether there are encoderWidths [12] but was false");
        assertThatThrownBy(() -> new SiTConfig(
                        model,
                        reg.align(),
                        reg.cls(),
                        reg.mixer(),
                        reg.subset(),
                        List.of(12),
                        0,
                        false,
                        LossTerms.NONE))
                .hasMessage("cls.enabled must say whether there is a classTokenWidth, here 0, but was true");
    }

    @Test
    void sparseModelsHaveBlocksBetweenAndCompareEqualTokens() {
        SiTConfig sparse = PLAIN.withSparse(2, 0.1).withAlignment(3, 20, List.of(12));

        assertThat(sparse.subset().dropping().ratio()).isEqualTo(0.25);
        assertThat(IntStream.rangeClosed(1, 6)
                        .filter(d -> sparse.withAlignment(d, 20, List.of(12)).alignsSubset()))
                .containsExactly(3, 4);
        assertThatThrownBy(() -> PLAIN.withSparse(3, 0.1))
                .hasMessage(
                        "subset.dense must leave a block between the first and the last 3 of model.depth 6, so it must be"
                                + " below 3 but was 3");
        assertThatThrownBy(() -> sparse.withTerms(layerSync(2, 3)))
                .hasMessage(
                        "terms.layerSync compares the tokens of block 2 with those of block 3, but with subset.placement"
                                + " SPARSE only block 3 sees the kept tokens alone: choose two blocks that see the same tokens");
        assertThatThrownBy(() -> PLAIN.withTerms(layerSync(2, 5)).withPlacement(SubsetPlacement.ROUTE, 1, 3))
                .hasMessageContaining("ROUTE only block 2 sees the kept tokens alone");
        assertThat(sparse.withTerms(layerSync(3, 4)).terms()).isNotEqualTo(LossTerms.NONE);
        assertThat(sparse.withTerms(layerSync(1, 6)).terms()).isNotEqualTo(LossTerms.NONE);
        assertThatThrownBy(() -> sparse.withAlignment(sparse.align().withSpatial(3, 0.6)))
                .hasMessageContaining("with subset.placement SPARSE patches are missing at align.depth");
        assertThat(sparse.withAlignment(2, 20, List.of(12))
                        .withAlignment(
                                sparse.withAlignment(2, 20, List.of(12)).align().withSpatial(3, 0.6))
                        .alignsSubset())
                .isFalse();
    }

    @Test
    void paintedPatchesNeedADecoderAndDroppedTokens() {
        LossTerms mae = ConfigBinder.bindText("mae: {}", "terms", List.of(), LossTerms.class)
                .value();
        SubsetConfig decoding = SubsetConfig.defaults().withRatio(0.5).withDecoder(2, 20, 5);

        assertThat(PLAIN.withSubset(decoding)
                        .withTerms(mae)
                        .terms()
                        .mae()
                        .orElseThrow()
                        .coeff())
                .isEqualTo(0.1);
        assertThatThrownBy(() -> PLAIN.withTerms(mae).withSubset(SubsetConfig.defaults()))
                .hasMessage(
                        "terms.mae is about patches that a decoder paints in, but there is none: choose subset.placement"
                                + " DROP_REINSERT and a subset.decoder, or take the term away");
        assertThatThrownBy(() -> PLAIN.withSubset(decoding.withRatio(0)).withTerms(mae))
                .hasMessage(
                        "terms.mae is about patches that are dropped, but subset.ratio 0 drops none: choose a ratio above"
                                + " 0, or take the term away");
        assertThatThrownBy(() ->
                        SiTConfig.of(8, 1, 1, 24, 6, 3, 10).withSubset(decoding).withTerms(mae))
                .hasMessage(
                        "terms.mae needs patches of at least 2 numbers, model.patchSize² · model.inChannels, but was 1");
        assertThatThrownBy(() -> PLAIN.withSubset(decoding).requirePlacement(decoding.withDecoder(3, 20, 5)))
                .hasMessageContaining("the model and its subsets must have the same decoder");
    }

    @Test
    void aBottleneckOfTheModelsOwnWidthIsRefused() {
        MixerConfig same =
                new MixerConfig(1, 0, 0, 4, MixerConfig.Conditioning.ADALN_ZERO, MixerConfig.Bottleneck.NORMALISED);

        assertThatThrownBy(() -> PLAIN.withMixer(same))
                .hasMessage(
                        "mixer.bottleneck NORMALISED is the way into layers of another width than the model's, 24: choose"
                                + " another mixer.width, or RESIDUAL");
    }

    private static LossTerms layerSync(int block, int target) {
        return ConfigBinder.bindText(
                        "layerSync: {block: " + block + ", target: " + target + "}",
                        "terms",
                        List.of(),
                        LossTerms.class)
                .value();
    }

    @Test
    void aPlacementNeverMeansThatNothingIsDropped() {
        assertThat(PLAIN.withPlacement(SubsetPlacement.DROP, 0, 0)
                        .subset()
                        .dropping()
                        .ratio())
                .isEqualTo(0.25);
        assertThat(PLAIN.withSubset(SubsetConfig.defaults().withRatio(0.5))
                        .withPlacement(SubsetPlacement.ROUTE, 1, 3)
                        .subset()
                        .dropping()
                        .ratio())
                .isEqualTo(0.5);
        assertThat(PLAIN.withPlacement(SubsetPlacement.NONE, 0, 0)
                        .subset()
                        .dropping()
                        .ratio())
                .isZero();
    }
}
