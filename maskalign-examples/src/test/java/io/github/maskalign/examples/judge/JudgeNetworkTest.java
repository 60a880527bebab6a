package io.github.maskalign.examples.judge;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.script.Autograd;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class JudgeNetworkTest {
    /** float32 through ten convolutions. */
    private static final float OUTPUT_TOLERANCE = 1e-5f;

    private static final float GRADIENT_TOLERANCE = 1e-4f;

    /** Against the same network of NDArray's operations, group norm written out. */
    @Test
    void featuresAndGradientsAreThoseOfPlainOperations() {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode on = GradMode.on()) {
            manager.getEngine().setRandomSeed(3);
            JudgeNetwork network = new JudgeNetwork();
            network.initialize(manager, DataType.FLOAT32, new Shape(2, 3, 32, 48));
            Map<String, NDArray> random = new LinkedHashMap<>();
            Weights.of(network)
                    .forEach((key, value) -> random.put(
                            key,
                            manager.randomNormal(
                                            0, key.endsWith("bias") ? 0.1f : 0.05f, value.getShape(), DataType.FLOAT32)
                                    .add(key.contains("norm") && key.endsWith("weight") ? 1 : 0)));
            Weights.copyInto(network, random);
            NDArray image = manager.randomNormal(new Shape(2, 3, 32, 48));
            Map<String, Parameter> parameters = ParameterKeys.of(network);
            Map<String, NDArray> weights = new LinkedHashMap<>();
            parameters.forEach((key, parameter) -> weights.put(key, parameter.getArray()));

            NDList out = network.forward(new ParameterStore(manager, false), new NDList(image), true);
            NDList plain = plain(image, weights);

            assertThat(network.getOutputShapes(new Shape[] {image.getShape()})).containsExactly(out.getShapes());
            for (int i = 0; i < 2; i++) {
                assertThat(error(out.get(i), plain.get(i))).isLessThan(OUTPUT_TOLERANCE);
            }
            NDArray feature = manager.randomNormal(out.get(0).getShape());
            NDArray cells = manager.randomNormal(out.get(1).getShape());
            NDList variables = new NDList(weights.values());
            NDList found = Autograd.gradients(
                    out.get(0).mul(feature).sum().add(out.get(1).mul(cells).sum()), variables, manager);
            NDList expected = Autograd.gradients(
                    plain.get(0).mul(feature).sum().add(plain.get(1).mul(cells).sum()), variables, manager);
            List<String> keys = new ArrayList<>(weights.keySet());
            for (int i = 0; i < keys.size(); i++) {
                assertThat(error(found.get(i), expected.get(i))).as(keys.get(i)).isLessThan(GRADIENT_TOLERANCE);
            }
        }
    }

    @Test
    void hasOneAndAThirdMillionWeights() {
        try (NDManager manager = NDManager.newBaseManager()) {
            JudgeNetwork network = new JudgeNetwork();
            network.initialize(manager, DataType.FLOAT32, new Shape(1, 3, JudgeNetwork.SIDE, JudgeNetwork.SIDE));

            assertThat(Weights.of(network).values().stream()
                            .mapToLong(NDArray::size)
                            .sum())
                    .isBetween(1_340_000L, 1_360_000L);
        }
    }

    private static NDList plain(NDArray image, Map<String, NDArray> w) {
        NDArray x = conv(image, w, "stem.", 2);
        for (int k = 0; k < 3; k++) {
            String stage = "stages." + k + ".";
            x = conv(NDArrays.maximum(x, 0), w, stage + "down.", 2);
            NDArray h = conv(active(x, w, stage + "norm1."), w, stage + "conv1.", 1);
            x = x.add(conv(active(h, w, stage + "norm2."), w, stage + "conv2.", 1));
        }
        NDArray y = active(x, w, "norm.");
        Shape s = y.getShape();
        NDArray cells = y.reshape(s.get(0), s.get(1), s.get(2) * s.get(3)).transpose(0, 2, 1);
        return new NDList(cells.mean(new int[] {1}), cells);
    }

    private static NDArray conv(NDArray x, Map<String, NDArray> w, String name, int stride) {
        return Conv2d.conv2d(
                        x,
                        w.get(name + "weight"),
                        w.get(name + "bias"),
                        new Shape(stride, stride),
                        new Shape(1, 1),
                        new Shape(1, 1))
                .singletonOrThrow();
    }

    private static NDArray active(NDArray x, Map<String, NDArray> w, String name) {
        Shape s = x.getShape();
        NDArray groups = x.reshape(s.get(0), 8, -1);
        NDArray centred = groups.sub(groups.mean(new int[] {2}, true));
        NDArray normed = centred.div(
                        centred.square().mean(new int[] {2}, true).add(1e-5).sqrt())
                .reshape(s);
        NDArray scaled = normed.mul(w.get(name + "weight").reshape(1, -1, 1, 1))
                .add(w.get(name + "bias").reshape(1, -1, 1, 1));
        return NDArrays.maximum(scaled, 0);
    }

    private static float error(NDArray found, NDArray expected) {
        return found.sub(expected).norm().getFloat() / expected.norm().getFloat();
    }
}
