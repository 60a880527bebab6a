package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.align.MixerConfig;
import io.github.maskalign.core.align.SubsetPlacement;
import io.github.maskalign.core.config.RecordCopy;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Ranges of a model's sizes, and copies with other parts. */
class SiTConfigTest {
    private static final SiTConfig PLAIN = SiTConfig.of(16, 2, 4, 24, 6, 3, 10);

    static Stream<Arguments> wrong() {
        return Stream.of(
                Arguments.of("inputSize", 15, "inputSize must be a multiple of patchSize 2 but was 15"),
                Arguments.of("inputSize", 0, "inputSize must be positive but was 0"),
                Arguments.of("hiddenSize", 27, "hiddenSize must be a multiple of 4 but was 27"),
                Arguments.of("numHeads", 5, "numHeads must divide hiddenSize 24 but was 5"),
                Arguments.of("depth", 1025, "depth must be at most 1024 but was 1025"),
                Arguments.of("mlpRatio", 0.0, "mlpRatio must be positive but was 0.0"),
                Arguments.of("numClasses", -1, "numClasses must be positive but was -1"),
                Arguments.of("classDropoutProb", 1.0, "classDropoutProb must be in [0, 1) but was 1.0"),
                Arguments.of("classDropoutProb", Double.NaN, "classDropoutProb must be in [0, 1) but was NaN"),
                Arguments.of("classTokenWidth", -1, "classTokenWidth must be 0 or positive but was -1"),
                Arguments.of("encoderWidths", List.of(8, 0), "encoderWidths must be positive but was 0"));
    }

    @ParameterizedTest
    @MethodSource
    void wrong(String component, Object value, String message) {
        assertThatThrownBy(() -> RecordCopy.with(PLAIN, Map.of(component, value)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }

    @Test
    void partsAreAddedWithoutTouchingOthers() {
        SiTConfig all = PLAIN.withClassToken(12)
                .withAlignment(3, 20, List.of(12))
                .withMixer(MixerConfig.PAPER)
                .withPlacement(SubsetPlacement.ROUTE, 1, 4)
                .withOptions(3, 0.2, true, true);

        SiTConfig expected = new SiTConfig(
                16,
                2,
                4,
                24,
                6,
                3,
                3,
                10,
                0.2,
                true,
                true,
                3,
                List.of(12),
                20,
                12,
                MixerConfig.PAPER,
                SubsetPlacement.ROUTE,
                1,
                4);
        assertThat(all).isEqualTo(expected);
    }

    @Test
    void projectorsAndRoutesLieInTheModel() {
        assertThatThrownBy(() -> PLAIN.withAlignment(7, 20, List.of(12)))
                .hasMessage("alignmentDepth must be in [1, 6] but was 7");
        assertThatThrownBy(() -> PLAIN.withPlacement(SubsetPlacement.ROUTE, 6, 6))
                .hasMessage("routeStart must be in [0, 5] but was 6");
        assertThatThrownBy(() -> PLAIN.withPlacement(SubsetPlacement.ROUTE, 3, 2))
                .hasMessage("routeEnd must be in [3, 5] but was 2");
    }
}
