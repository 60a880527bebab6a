package io.github.maskalign.examples.judge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.examples.judge.JudgeObjective.LabelHeads;
import java.util.Map;
import org.junit.jupiter.api.Test;

class LabelHeadsTest {
    private static final int[] CLASSES = {7, 3, 2, 4};
    private static final int WIDTH = 5;

    @Test
    void lossIsTheWeightedSumOfSmoothedCrossEntropies() {
        long[] labels = {4, 0, 1, 3, 6, 2, 0, 0, 0, 1, 1, 2};
        try (NDManager manager = NDManager.newBaseManager()) {
            manager.getEngine().setRandomSeed(4);
            LabelHeads heads = new LabelHeads(WIDTH, CLASSES, JudgeConfigTest.small());
            heads.initialize(manager, DataType.FLOAT32, new Shape(3, WIDTH), new Shape(3, 4));
            NDArray features = manager.randomNormal(new Shape(3, WIDTH));

            NDList out = heads.forward(
                    new ParameterStore(manager, false),
                    new NDList(features, OwnedArrays.of(manager, new Shape(3, 4), labels)),
                    true);

            Map<String, NDArray> weights = Weights.of(heads);
            double[] parts = new double[4];
            int k = 0;
            for (String head : new String[] {"emoji", "category", "artist", "damage"}) {
                float[] weight = weights.get(head + ".weight").toFloatArray();
                for (int i = 0; i < 3; i++) {
                    parts[k] +=
                            smoothed(features.get(i).toFloatArray(), weight, CLASSES[k], (int) labels[4 * i + k]) / 3;
                }
                // 1e-5: float32 logarithms of sums of a few exponentials
                assertThat((double) out.get(k + 1).getFloat()).as(head).isCloseTo(parts[k], within(1e-5));
                k++;
            }
            assertThat((double) out.get(0).getFloat())
                    .isCloseTo(parts[0] + 0.5 * parts[1] + 2 * parts[2] + 3 * parts[3], within(1e-5));
        }
    }

    /** −Σ q log p, q the label's 0.9 and 0.1 over all classes; biases are zero at first. */
    private static double smoothed(float[] feature, float[] weight, int classes, int label) {
        double[] logits = new double[classes];
        double sum = 0;
        for (int c = 0; c < classes; c++) {
            for (int z = 0; z < WIDTH; z++) {
                logits[c] += feature[z] * weight[c * WIDTH + z];
            }
            sum += Math.exp(logits[c]);
        }
        double loss = 0;
        for (int c = 0; c < classes; c++) {
            loss -= ((c == label ? 0.9 : 0) + 0.1 / classes) * (logits[c] - Math.log(sum));
        }
        return loss;
    }
}
