package io.github.maskalign.encoders.vit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.encoders.vit.VitLayers.TokenEmbedding;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PositionResamplingTest {
    private static final int WIDTH = 5;
    private static final ScriptFunction POSITIONS =
            ScriptFunction.of(TokenEmbedding.class, "vit.py", "positions").bind("rule", 0);

    @ParameterizedTest
    @CsvSource({"3, 6, 6", "7, 4, 4", "4, 5, 3"})
    void tableIsResampledBicubicallyWithAntialiasAndTheClassRowKept(int grid, int rows, int columns) {
        try (NDManager manager = NDManager.newBaseManager()) {
            manager.getEngine().setRandomSeed(2);
            NDArray table = manager.randomNormal(new Shape(1, 1L + grid * grid, WIDTH));

            NDArray out = POSITIONS.callForOne(table, grid, rows, columns);

            assertThat(out.getShape()).isEqualTo(new Shape(1, 1L + rows * columns, WIDTH));
            assertThat(out.get("0, 0").toFloatArray())
                    .isEqualTo(table.get("0, 0").toFloatArray());
            double[][] vertical = weights(grid, rows);
            double[][] horizontal = weights(grid, columns);
            for (int y = 0; y < rows; y++) {
                for (int x = 0; x < columns; x++) {
                    double expected = 0;
                    for (int i = 0; i < grid; i++) {
                        for (int j = 0; j < grid; j++) {
                            expected += vertical[y][i] * horizontal[x][j] * table.getFloat(0, 1 + i * grid + j, 3);
                        }
                    }
                    // 1e-5: float32, numbers about 1
                    assertThat((double) out.getFloat(0, 1 + y * columns + x, 3)).isCloseTo(expected, within(1e-5));
                }
            }
        }
    }

    @Test
    void tableOfTheSameGridStaysAsItIs() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray table = manager.randomNormal(new Shape(1, 10, WIDTH));

            assertThat(POSITIONS.callForOne(table, 3, 3, 3).toFloatArray()).isEqualTo(table.toFloatArray());
        }
    }

    /** Keys' kernel with a = -0.5, widened when shrinking, renormalised at the edges. */
    private static double[][] weights(int from, int to) {
        double scale = (double) from / to;
        double widening = Math.max(1, scale);
        double[][] out = new double[to][from];
        for (int i = 0; i < to; i++) {
            double centre = (i + 0.5) * scale;
            double sum = 0;
            for (int j = 0; j < from; j++) {
                out[i][j] = kernel(Math.abs(j + 0.5 - centre) / widening);
                sum += out[i][j];
            }
            for (int j = 0; j < from; j++) {
                out[i][j] /= sum;
            }
        }
        return out;
    }

    private static double kernel(double d) {
        if (d < 1) {
            return (1.5 * d - 2.5) * d * d + 1;
        }
        return d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0;
    }
}
