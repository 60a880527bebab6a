package io.github.maskalign.core.align;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.align.SubsetConfig.Pattern;
import io.github.maskalign.core.align.SubsetConfig.Rounding;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.SubsetConfig.SubsetSchedule;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SubsetConfigTest {
    private static final SubsetConfig DEFAULTS = SubsetConfig.defaults();

    @ParameterizedTest
    @CsvSource({
        "0.25, 192, 192",
        "0.5, 128, 128",
        "0.75, 64, 64",
        "0.3, 179, 180",
        "0.1, 230, 231",
        "0.7, 76, 77",
        "0.9, 25, 26"
    })
    void keptCountsOf256TokensAreThoseOfTheRelatives(double ratio, int mae, int tread) {
        assertThat(Rounding.MAE.kept(256, ratio)).isEqualTo(mae);
        assertThat(Rounding.TREAD.kept(256, ratio)).isEqualTo(tread);
    }

    @ParameterizedTest
    @CsvSource({"256, 0.25, 192", "256, 0.3, 179", "256, 0.1, 230", "256, 0.7, 77", "256, 0.9, 26", "6, 0.25, 5"})
    void nearestRoundsHalvesUp(int tokens, double ratio, int kept) {
        assertThat(Rounding.NEAREST.kept(tokens, ratio)).isEqualTo(kept);
    }

    @Test
    void ratioThatLeavesNothingIsRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Rounding.MAE.kept(4, 0.9))
                .withMessage("ratio must leave at least one of the 4 tokens under rounding MAE but was 0.9");
        assertThat(Rounding.TREAD.kept(4, 0.9)).isEqualTo(1);
    }

    @Test
    void defaultsAreThePapers() {
        assertThat(DEFAULTS.placement()).isEqualTo(SubsetPlacement.DROP);
        assertThat(DEFAULTS.dropping().ratio()).isEqualTo(0.25);
        assertThat(DEFAULTS.dropping().schedule()).isEqualTo(SubsetSchedule.CONSTANT);
        assertThat(DEFAULTS.drawing().scope()).isEqualTo(SubsetConfig.Scope.PER_SAMPLE);
        assertThat(DEFAULTS.drawing().rounding()).isEqualTo(Rounding.MAE);
        assertThat(DEFAULTS.drawing().order()).isEqualTo(SubsetConfig.Order.SORTED);
        assertThat(SubsetConfig.none().placement().usesSubset()).isFalse();
    }

    @ParameterizedTest
    @CsvSource({"12, 8", "28, 24"})
    void defaultRouteEndsFourBlocksBeforeTheDepth(int depth, int end) {
        assertThat(DEFAULTS.route().in(depth).routeEnd()).isEqualTo(end);
        assertThat(DEFAULTS.withRoute(1, 3).route().in(depth).routeEnd()).isEqualTo(3);
    }

    @Test
    void routeOutsideTheModelIsRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DEFAULTS.route().in(4))
                .withMessage(
                        "subset.routeStart and subset.routeEnd must lie in blocks 0 to 3 but was 2 to 0 (routeEnd -4)");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DEFAULTS.withRoute(2, 12).route().in(12));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DEFAULTS.withRoute(5, 3))
                .withMessage("routeEnd must not be before routeStart 5 but was 3");
    }

    @ParameterizedTest
    @ValueSource(doubles = {-0.01, 1, 1.5, Double.NaN})
    void ratioOutsideItsRangeIsRefused(double ratio) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DEFAULTS.withRatio(ratio))
                .withMessage("ratio must be in [0, 1) but was " + ratio);
    }

    @Test
    void aPatternHasItsRatioAndAnEvenGrid() {
        SubsetConfig windows = DEFAULTS.withPattern(Pattern.STRUCTURED_2X2);

        assertThat(windows.dropping().ratio()).isEqualTo(0.75);
        assertThat(windows.drawing().kept(256, 0.75)).isEqualTo(64);
        windows.requireTokensLeft(256);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> windows.withRatio(0.5))
                .withMessage(
                        "ratio must be 0.75 and schedule CONSTANT with pattern STRUCTURED_2X2, which keeps one of each"
                                + " four tokens, but they were 0.5 and CONSTANT: choose these, or pattern RANDOM");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> windows.withSchedule(SubsetSchedule.COSINE, 0, 4, 0))
                .withMessageContaining("were 0.75 and COSINE");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> windows.requireTokensLeft(225))
                .withMessage(
                        "subset.pattern STRUCTURED_2X2 cuts the grid of tokens into windows of side 2, which must divide"
                                + " the grid's side, but there are 225 tokens: choose subset.pattern RANDOM, or model.inputSize and"
                                + " model.patchSize for an even grid");
        windows.withPlacement(SubsetPlacement.NONE).withRatio(0.5).requireTokensLeft(225);
    }

    @Test
    void decodersAreChecked() {
        SubsetConfig decoding = DEFAULTS.withDecoder(8, 512, 16);

        assertThat(decoding.placement()).isEqualTo(SubsetPlacement.DROP_REINSERT);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> decoding.withPlacement(SubsetPlacement.DROP))
                .withMessage(
                        "decoder goes with placement DROP_REINSERT, which puts dropped tokens back, but the placement was"
                                + " DROP: choose that, or decoder null");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DEFAULTS.withDecoder(0, 512, 16))
                .withMessage("decoder.layers must be in [1, 64] but was 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DEFAULTS.withDecoder(8, 510, 5))
                .withMessage("decoder.width must be a multiple of 4 in [4, 65536] but was 510");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DEFAULTS.withDecoder(8, 512, 5))
                .withMessage("decoder.heads must divide decoder.width 512 but was 5");
    }

    @Test
    void sparsePartsAreChecked() {
        DEFAULTS.withSparse(2, 0).sparse().requireIn(5);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DEFAULTS.withSparse(2, 0).sparse().requireIn(4))
                .withMessage(
                        "subset.dense must leave a block between the first and the last 2 of model.depth 4, so it must"
                                + " be below 2 but was 2");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DEFAULTS.withSparse(0, 0))
                .withMessage("dense must be at least 1 but was 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DEFAULTS.withSparse(1, 1))
                .withMessage("pathDrop must be in [0, 1) but was 1.0");
    }

    @Test
    void numbersOfTheScheduleAreChecked() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DEFAULTS.withSchedule(SubsetSchedule.COSINE, 0.3, 4, 0.2))
                .withMessage("scheduleMinRatio must be in [0, 0.25], the ratio, but was 0.3");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DEFAULTS.withSchedule(SubsetSchedule.COSINE, 0, 7, 0.2))
                .withMessage("schedulePower must be in [2, 6] but was 7");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DEFAULTS.withSchedule(SubsetSchedule.UNIFORM_RANGE, 0, 4, 0.8))
                .withMessage("ratio + scheduleWidth must be at most 1 but was 0.25 + 0.8");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DEFAULTS.withUnmaskedTailSteps(-1))
                .withMessage("unmaskedTailSteps must be at least 0 but was -1");
    }

    @Test
    void everyRatioOfAScheduleMustLeaveATokenToo() {
        SubsetConfig rising = SubsetConfig.defaults().withRatio(0.97).withSchedule(SubsetSchedule.LINEAR, 0, 4, 0);
        SubsetConfig range =
                SubsetConfig.defaults().withRatio(0.5).withSchedule(SubsetSchedule.UNIFORM_RANGE, 0, 4, 0.5);

        rising.requireTokensLeft(256);
        assertThatThrownBy(() -> rising.requireTokensLeft(16)).hasMessageContaining("of the 16 tokens");
        range.withSchedule(SubsetSchedule.UNIFORM_RANGE, 0, 4, 0.4).requireTokensLeft(256);
        assertThatThrownBy(() -> range.requireTokensLeft(256)).hasMessageContaining("of the 256 tokens");
        range.withPlacement(SubsetPlacement.NONE).requireTokensLeft(1);
    }

    /** 100 (1 - 0.33) is 67 in float64 and a little less in float32. */
    @Test
    void roundingInFloat32IsMdts() {
        assertThat(Rounding.MAE.kept(100, 0.33)).isEqualTo(67);
        assertThat(Rounding.MAE_FLOAT32.kept(100, 0.33)).isEqualTo(66);
        assertThat(Rounding.MAE_FLOAT32.kept(256, 0.3)).isEqualTo(179);
        assertThat(Rounding.MAE_FLOAT32.kept(256, Math.nextDown(0.5))).isEqualTo(128);
    }
}
