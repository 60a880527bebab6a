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
                Arguments.of("inputSize", 0, "inputSize must be in [1, 8192] but was 0"),
                Arguments.of("hiddenSize", 27, "hiddenSize must be a multiple of 4 but was 27"),
                Arguments.of("numHeads", 5, "numHeads must divide hiddenSize 24 but was 5"),
                Arguments.of("depth", 1025, "depth must be in [1, 1024] but was 1025"),
                Arguments.of("mlpRatio", 0.0, "mlpRatio must be in (0, 256] but was 0.0"),
                Arguments.of("numClasses", -1, "numClasses must be in [1, 16777216] but was -1"),
                Arguments.of("classDropoutProb", 1.0, "classDropoutProb must be in [0, 1) but was 1.0"),
                Arguments.of("classDropoutProb", Double.NaN, "classDropoutProb must be in [0, 1) but was NaN"),
                Arguments.of("classTokenWidth", -1, "classTokenWidth must be in [0, 65536] but was -1"),
                Arguments.of("mlpRatio", 1e300, "mlpRatio must be in (0, 256] but was 1.0E300"),
                Arguments.of("mlpRatio", Double.NaN, "mlpRatio must be in (0, 256] but was NaN"),
                Arguments.of(
                        "mlpRatio",
                        0.01,
                        "mlpRatio must give the MLP at least one unit with hiddenSize 24 but was 0.01"),
                Arguments.of("inputSize", 1 << 20, "inputSize must be in [1, 8192] but was 1048576"),
                Arguments.of(
                        "inputSize",
                        8192,
                        "inputSize, inChannels must give an input at most 67108864 numbers but was 268435456"),
                Arguments.of("inChannels", 1 << 30, "inChannels must be in [1, 65536] but was 1073741824"),
                Arguments.of("patchSize", Integer.MAX_VALUE, "patchSize must be in [1, 8192] but was 2147483647"),
                Arguments.of("hiddenSize", 1 << 20, "hiddenSize must be in [1, 65536] but was 1048576"),
                Arguments.of("numClasses", Integer.MAX_VALUE, "numClasses must be in [1, 16777216] but was 2147483647"),
                Arguments.of("projectorDim", 1 << 20, "projectorDim must be in [1, 65536] but was 1048576"),
                Arguments.of("classTokenWidth", 1 << 20, "classTokenWidth must be in [0, 65536] but was 1048576"),
                Arguments.of("encoderWidths", List.of(8, 0), "encoderWidths must be in [1, 65536] but was 0"));
    }

    @ParameterizedTest
    @MethodSource
    void wrong(String component, Object value, String message) {
        assertThatThrownBy(() -> RecordCopy.with(PLAIN, Map.of(component, value)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }

    /** 4096² tokens of width 24 would be a table of 403 million numbers. */
    @Test
    void thePositionTableIsBounded() {
        assertThatThrownBy(() -> SiTConfig.of(4096, 1, 4, 24, 6, 3, 10))
                .hasMessage(
                        "inputSize, patchSize, hiddenSize must give the position table at most 67108864 numbers but was"
                                + " 402653184");
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
