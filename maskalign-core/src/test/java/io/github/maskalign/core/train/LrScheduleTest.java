package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.maskalign.core.train.OptimConfig.LrSchedule;
import org.junit.jupiter.api.Test;

class LrScheduleTest {
    private static final OptimConfig BASE = OptimConfig.PAPER.withLr(0.1);

    @Test
    void constantIgnoresTheStep() {
        OptimConfig config = BASE.withSchedule(LrSchedule.CONSTANT, 10, 0, 0);

        assertThat(config.lrAt(0)).isEqualTo(0.1);
        assertThat(config.lrAt(400_000)).isEqualTo(0.1);
    }

    @Test
    void warmupStartsMovingAtOnceAndThenStays() {
        OptimConfig config = BASE.withSchedule(LrSchedule.LINEAR_WARMUP, 4, 0, 0);

        assertThat(config.lrAt(0)).isCloseTo(0.025, within(1e-15)); // double rounding
        assertThat(config.lrAt(3)).isEqualTo(0.1);
        assertThat(config.lrAt(4)).isEqualTo(0.1);
    }

    @Test
    void cosineFallsFromTheBaseRateToTheFinalOne() {
        OptimConfig config = BASE.withSchedule(LrSchedule.COSINE, 10, 30, 0.2);

        assertThat(config.lrAt(9)).isEqualTo(0.1);
        assertThat(config.lrAt(10)).isEqualTo(0.1);
        assertThat(config.lrAt(20)).isCloseTo(0.06, within(1e-15)); // double rounding
        assertThat(config.lrAt(30)).isCloseTo(0.02, within(1e-15));
        assertThat(config.lrAt(1_000_000)).isCloseTo(0.02, within(1e-15));
        for (int s = 10; s < 30; s++) {
            assertThat(config.lrAt(s + 1)).isLessThan(config.lrAt(s));
        }
    }

    @Test
    void settingsOutOfRangeAreNamed() {
        assertThatThrownBy(() -> BASE.withLr(0)).hasMessage("lr must be above 0 but was 0.0");
        assertThatThrownBy(() -> BASE.withEmaDecay(1.5)).hasMessage("emaDecay must be in [0, 1] but was 1.5");
        assertThatThrownBy(() -> BASE.withClipNorm(-1)).hasMessage("clipNorm must be 0 (off) or above 0 but was -1.0");
        assertThatThrownBy(() -> BASE.withWeightDecay(Double.NaN, true))
                .hasMessage("weightDecay must be in [0, 1 / lr) but was NaN");
        assertThatThrownBy(() -> BASE.withSchedule(LrSchedule.COSINE, 10, 10, 0))
                .hasMessage("decaySteps must be above warmupSteps 10 but was 10");
        assertThatThrownBy(() -> BASE.withMoments(0.9, 1, 1e-8)).hasMessage("beta2 must be in [0, 1) but was 1.0");
    }
}
