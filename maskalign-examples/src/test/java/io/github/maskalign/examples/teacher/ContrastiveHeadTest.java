package io.github.maskalign.examples.teacher;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.examples.teacher.TeacherObjective.ContrastiveHead;
import org.junit.jupiter.api.Test;

class ContrastiveHeadTest {
    private static final double TEMPERATURE = 0.3;

    @Test
    void infoNceIsTheCrossEntropyOfFindingTheOtherView() {
        int n = 5;
        int width = 7;
        try (NDManager manager = NDManager.newBaseManager()) {
            manager.getEngine().setRandomSeed(4);
            NDArray z = manager.randomNormal(new Shape(2 * n, width));
            float[] values = z.toFloatArray();

            float loss = ScriptFunction.of(ContrastiveHead.class, "contrastive_loss.py", "info_nce")
                    .callForOne(z, TEMPERATURE)
                    .getFloat();

            double expected = 0;
            for (int i = 0; i < n; i++) {
                double forwards = 0;
                double backwards = 0;
                for (int j = 0; j < n; j++) {
                    forwards += Math.exp(dot(values, i, n + j, width) / TEMPERATURE);
                    backwards += Math.exp(dot(values, j, n + i, width) / TEMPERATURE);
                }
                expected += (Math.log(forwards) + Math.log(backwards)) / 2 - dot(values, i, n + i, width) / TEMPERATURE;
            }
            // 1e-4: float32 exponentials of cosines up to about 30
            assertThat((double) loss).isCloseTo(expected / n, within(1e-4));
        }
    }

    @Test
    void lossIsTheWeightedSumOfItsParts() {
        try (NDManager manager = NDManager.newBaseManager()) {
            ContrastiveHead head = new ContrastiveHead(8, TeacherConfigTest.small());
            head.initialize(manager, DataType.FLOAT32, new Shape(4, 8), new Shape(4, 3, 8));
            NDList inputs = new NDList(manager.randomNormal(new Shape(4, 8)), manager.randomNormal(new Shape(4, 3, 8)));

            NDList out = head.forward(new ParameterStore(manager, false), inputs, true);

            assertThat(out.get(0).getFloat())
                    .isCloseTo(out.get(1).getFloat() + 0.5f * out.get(2).getFloat(), within(1e-6f));
            assertThat(Weights.of(head))
                    .containsOnlyKeys(
                            "class.fc1.weight",
                            "class.fc1.bias",
                            "class.fc2.weight",
                            "class.fc2.bias",
                            "patch.fc1.weight",
                            "patch.fc1.bias",
                            "patch.fc2.weight",
                            "patch.fc2.bias");
        }
    }

    private static double dot(float[] values, int a, int b, int width) {
        double sum = 0;
        for (int k = 0; k < width; k++) {
            sum += values[a * width + k] * values[b * width + k];
        }
        return sum;
    }
}
