package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.train.OptimConfig.LrSchedule;
import java.util.List;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Ranges of the optimiser's settings, and copies with other ones. */
class OptimConfigTest {

    private static final OptimConfig PAPER = OptimConfig.PAPER;

    static Stream<Arguments> wrong() {
        return Stream.of(
                refused(() -> PAPER.withLr(0), "lr must be above 0 but was 0.0"),
                refused(() -> PAPER.withLr(Double.POSITIVE_INFINITY), "lr must be above 0 but was Infinity"),
                refused(() -> PAPER.withMoments(1, 0.999, 1e-8), "beta1 must be in [0, 1) but was 1.0"),
                refused(() -> PAPER.withMoments(0.9, -0.1, 1e-8), "beta2 must be in [0, 1) but was -0.1"),
                refused(() -> PAPER.withMoments(0.9, 0.999, Double.NaN), "eps must be above 0 but was NaN"),
                refused(() -> PAPER.withWeightDecay(1e5, true), "weightDecay must be in [0, 1 / lr) but was 100000.0"),
                refused(() -> PAPER.withClipNorm(-1), "clipNorm must be 0 (off) or above 0 but was -1.0"),
                refused(() -> PAPER.withEmaDecay(1.1), "emaDecay must be in [0, 1] but was 1.1"),
                refused(
                        () -> PAPER.withSchedule(LrSchedule.CONSTANT, -1, 0, 0),
                        "warmupSteps must be at least 0 but was -1"),
                refused(
                        () -> PAPER.withSchedule(LrSchedule.CONSTANT, 0, -1, 0),
                        "decaySteps must be at least 0 but was -1"),
                refused(
                        () -> PAPER.withSchedule(LrSchedule.COSINE, 0, 0, 0),
                        "decaySteps must be above warmupSteps 0 but was 0"),
                refused(
                        () -> PAPER.withSchedule(LrSchedule.CONSTANT, 0, 0, 2),
                        "finalLrFactor must be in [0, 1] but was 2.0"),
                refused(
                        () -> PAPER.withExtraEmaDecays(List.of(-1.0)),
                        "each of extraEmaDecays must be in [0, 1] but was -1.0"),
                refused(
                        () -> PAPER.withExtraEmaDecays(List.of(0.9999)),
                        "each of extraEmaDecays must be another than emaDecay and the rest but was 0.9999"));
    }

    private static Arguments refused(ThrowingCallable making, String message) {
        return Arguments.of(making, message);
    }

    @ParameterizedTest
    @MethodSource
    void wrong(ThrowingCallable making, String message) {
        assertThatThrownBy(making).isInstanceOf(IllegalArgumentException.class).hasMessage(message);
    }

    @Test
    void settingsChangeWithoutTouchingOthers() {
        OptimConfig all = OptimConfig.PAPER
                .withLr(2e-4)
                .withWeightDecay(0.01, false)
                .withClipNorm(0.5)
                .withEmaDecay(0.99)
                .withExtraEmaDecays(List.of(0.9))
                .withSchedule(LrSchedule.COSINE, 10, 100, 0.1);

        OptimConfig expected = new OptimConfig(
                2e-4,
                new OptimConfig.Adam(0.9, 0.999, 1e-8, 0.01, false, OptimConfig.Kind.ADAMW, 0.99),
                0.5,
                0.99,
                new OptimConfig.LrCurve(LrSchedule.COSINE, 10, 100, 0.1),
                List.of(0.9));
        assertThat(all).isEqualTo(expected);
    }

    @Test
    void rateFollowsTheSchedule() {
        OptimConfig warm = OptimConfig.PAPER.withSchedule(LrSchedule.LINEAR_WARMUP, 10, 0, 0);

        assertThat(OptimConfig.PAPER.lrAt(0)).isEqualTo(1e-4);
        assertThat(warm.lrAt(0)).isLessThan(warm.lrAt(5)).isLessThan(1e-4);
        assertThat(warm.lrAt(10)).isEqualTo(1e-4);
    }
}
