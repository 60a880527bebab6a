package io.github.maskalign.core.nn.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.golden.GoldenCase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SinCosPositionsTest {
    @ParameterizedTest
    @CsvSource({"position-d16-g4", "position-d36-g5", "position-d48-g3", "position-d72-g2"})
    void tableEqualsPyTorch(String name) {
        try (NDManager manager = NDManager.newBaseManager()) {
            GoldenCase golden = GoldenCase.load(getClass(), "embeddings", name, manager);
            NDArray expected = golden.get("table");
            int grid = Integer.parseInt(golden.metadata().get("grid"));
            int width = Integer.parseInt(golden.metadata().get("width"));

            float[] table = SinCosPositions.table(width, grid, 0);

            assertThat(table).containsExactly(expected.toFloatArray(), within(1e-7f)); // last bit of float32
        }
    }

    @Test
    void columnComesFirstAndClassTokenRowIsZero() {
        float[] table = SinCosPositions.table(768, 16, 1);
        int row = (1 + 3 * 16 + 5) * 768; // row 3, column 5

        assertThat(table[row]).isCloseTo(-0.95892427f, within(1e-7f));
        assertThat(table[row + 1]).isCloseTo(-0.99857347f, within(1e-7f));
        assertThat(table[row + 192]).isCloseTo(0.28366219f, within(1e-7f));
        assertThat(table[row + 384]).isCloseTo(0.14112001f, within(1e-7f));
        assertThat(table[row + 576]).isCloseTo(-0.9899925f, within(1e-7f));
        for (int k = 0; k < 768; k++) {
            assertThat(table[k]).isZero();
        }
    }

    @Test
    void widthMustBeAMultipleOfFour() {
        assertThatThrownBy(() -> SinCosPositions.table(10, 2, 0))
                .hasMessage("hiddenSize must be a multiple of 4 but was 10");
    }
}
