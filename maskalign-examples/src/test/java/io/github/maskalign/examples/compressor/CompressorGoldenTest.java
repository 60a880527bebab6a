package io.github.maskalign.examples.compressor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.script.Autograd;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A compressor's loss, gradients and statistics, against a network of PyTorch's own layers in training mode. */
@Tag("bits")
class CompressorGoldenTest {
    static Stream<String> cases() {
        return GoldenCase.names(CompressorGoldenTest.class, "compressor-training");
    }

    @ParameterizedTest
    @MethodSource("cases")
    void lossGradientsAndStatisticsMatch(String name) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode recording = GradMode.on()) {
            GoldenCase golden = GoldenCase.load(getClass(), "compressor-training", name, manager);
            NDArray tokens = golden.get("inputs/tokens");
            CompressorNetwork network = new CompressorNetwork(
                    Math.toIntExact(tokens.getShape().get(2)),
                    Integer.parseInt(golden.metadata().get("hidden")),
                    Integer.parseInt(golden.metadata().get("channels")),
                    manager);
            Map<String, NDArray> weights = golden.under("weights/");
            assertThat(network.parameters().keySet()).containsExactlyInAnyOrderElementsOf(weights.keySet());
            network.parameters().forEach((key, parameter) -> weights.get(key).copyTo(parameter.getArray()));
            int grid = (int) Math.round(Math.sqrt(tokens.getShape().get(1)));
            NDArray x =
                    CompressorNetwork.standardised(tokens, golden.get("inputs/mean"), golden.get("inputs/std"), grid);

            NDArray loss = network.loss(x);

            // 1e-5: float32 against float64, six layers
            double expected = golden.get("losses/mse").toDoubleArray()[0];
            assertThat((double) loss.getFloat()).isCloseTo(expected, within(1e-5 * expected));
            NDList arrays = new NDList();
            network.parameters().values().forEach(parameter -> arrays.add(parameter.getArray()));
            NDList gradients = Autograd.gradients(loss, arrays, manager);
            int i = 0;
            for (Map.Entry<String, Parameter> p : network.parameters().entrySet()) {
                NDArray found = gradients.get(i++);
                if (p.getKey().matches(".*1\\.conv[12]\\.bias")) { // which the norm behind takes away again
                    assertThat(found.norm().getFloat()).as(p.getKey()).isLessThan(1e-5f);
                } else {
                    assertThat(GoldenCase.relativeError(found, golden.get("grads/" + p.getKey())))
                            .as(p.getKey())
                            .isLessThan(1e-4); // a sum over many float32 products
                }
            }
            try (GradMode values = GradMode.off()) {
                Map<String, NDArray> statistics = network.statistics(x);
                Map<String, NDArray> running = golden.under("statistics/");
                assertThat(statistics.keySet()).containsExactlyInAnyOrderElementsOf(running.keySet());
                statistics.forEach((key, value) -> assertThat(GoldenCase.relativeError(value, running.get(key)))
                        .as(key)
                        .isLessThan(1e-5));
            }
        }
    }
}
