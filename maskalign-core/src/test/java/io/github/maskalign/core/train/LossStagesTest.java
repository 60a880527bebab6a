package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import org.junit.jupiter.api.Test;

class LossStagesTest {
    private static final LossStages XL = new LossStages(List.of(250_000L, 500_000L), List.of(0.5, 0.25));

    @Test
    void aFactorHoldsFromItsStepOn() {
        assertThat(LossStages.NONE.at(1_000_000)).isEqualTo(1);
        assertThat(XL.at(0)).isEqualTo(1);
        assertThat(XL.at(249_999)).isEqualTo(1);
        assertThat(XL.at(250_000)).isEqualTo(0.5);
        assertThat(XL.at(499_999)).isEqualTo(0.5);
        assertThat(XL.at(500_000)).isEqualTo(0.25);
        assertThat(XL.at(Long.MAX_VALUE)).isEqualTo(0.25);
    }

    @Test
    void stepsRiseAndEachHasAFactor() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new LossStages(List.of(5L, 9L), List.of(0.5)))
                .withMessage("factors must hold one number for each of factorSteps [5, 9] but were [0.5]");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new LossStages(List.of(9L, 9L), List.of(0.5, 0.25)))
                .withMessage("factorSteps must be above 0 and rise but were [9, 9]");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new LossStages(List.of(0L), List.of(0.5)))
                .withMessageContaining("above 0");
        for (double wrong : new double[] {-0.5, Double.NaN, Double.POSITIVE_INFINITY}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new LossStages(List.of(5L), List.of(wrong)))
                    .withMessage("factors must be at least 0 but were [" + wrong + "]");
        }
    }
}
