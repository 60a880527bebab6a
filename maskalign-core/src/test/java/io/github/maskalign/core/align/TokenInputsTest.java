package io.github.maskalign.core.align;

import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import org.junit.jupiter.api.Test;

/** Wrong tokens and rows are refused by name and range, not in the engine's words. */
class TokenInputsTest {
    @Test
    void gatheredRowsMustExist() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray tokens = manager.zeros(new Shape(1, 4, 2));

            assertThatIllegalArgumentException()
                    .isThrownBy(() -> TokenSubset.gather(tokens, manager.create(new long[][] {{0, 4}})))
                    .withMessage("index must be in [0, 3] but had 4");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> TokenSubset.gather(tokens, manager.create(new int[][] {{0, 1}})))
                    .withMessage("index must be int64 but was int32");
        }
    }

    @Test
    void rowOfASampleMustExist() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TokenSubset.all(2, 3).row(2))
                .withMessage("sample must be in [0, 1] but was 2");
    }

    @Test
    void alignedTokensMustBeFloat32InThreeDimensions() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray flat = manager.zeros(new Shape(3, 2));
            NDArray tokens = manager.zeros(new Shape(1, 3, 2));
            NDArray wide = manager.zeros(new Shape(1, 3, 2), DataType.FLOAT64);

            assertThatIllegalArgumentException()
                    .isThrownBy(() -> AlignmentLoss.of(flat, flat))
                    .withMessage(
                            "projected tokens and targets must be float32 (N, T, Z) but were float32 and float32 (3, 2)");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> AlignmentLoss.of(tokens, wide))
                    .withMessage(
                            "projected tokens and targets must be float32 (N, T, Z) but were float32 and float64 (1, 3, 2)");
        }
    }
}
