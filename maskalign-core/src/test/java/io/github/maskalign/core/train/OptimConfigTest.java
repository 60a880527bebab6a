package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.config.RecordCopy;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Ranges of the optimiser's settings, and copies with other ones. */
class OptimConfigTest {

    static Stream<Arguments> wrong() {
        return Stream.of(
                Arguments.of("lr", 0.0, "lr must be above 0 but was 0.0"),
                Arguments.of("lr", Double.POSITIVE_INFINITY, "lr must be above 0 but was Infinity"),
                Arguments.of("beta1", 1.0, "beta1 must be in [0, 1) but was 1.0"),
                Arguments.of("beta2", -0.1, "beta2 must be in [0, 1) but was -0.1"),
                Arguments.of("eps", Double.NaN, "eps must be above 0 but was NaN"),
                Arguments.of("weightDecay", 1e5, "weightDecay must be in [0, 1 / lr) but was 100000.0"),
                Arguments.of("clipNorm", -1.0, "clipNorm must be 0 (off) or above 0 but was -1.0"),
                Arguments.of("emaDecay", 1.1, "emaDecay must be in [0, 1] but was 1.1"),
                Arguments.of("warmupSteps", -1L, "warmupSteps must be at least 0 but was -1"),
                Arguments.of("decaySteps", -1L, "decaySteps must be at least 0 but was -1"),
                Arguments.of("schedule", LrSchedule.COSINE, "decaySteps must be above warmupSteps 0 but was 0"),
                Arguments.of("finalLrFactor", 2.0, "finalLrFactor must be in [0, 1] but was 2.0"),
                Arguments.of("extraEmaDecays", List.of(-1.0), "each of extraEmaDecays must be in [0, 1] but was -1.0"),
                Arguments.of(
                        "extraEmaDecays",
                        List.of(0.9999),
                        "each of extraEmaDecays must be another than emaDecay and the rest but was 0.9999"));
    }

    @ParameterizedTest
    @MethodSource
    void wrong(String component, Object value, String message) {
        assertThatThrownBy(() -> RecordCopy.with(OptimConfig.PAPER, Map.of(component, value)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
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
                2e-4, 0.9, 0.999, 1e-8, 0.01, false, 0.5, 0.99, LrSchedule.COSINE, 10, 100, 0.1, List.of(0.9));
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
