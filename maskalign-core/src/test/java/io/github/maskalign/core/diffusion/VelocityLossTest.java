package io.github.maskalign.core.diffusion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.script.Autograd;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VelocityLossTest {
    @ParameterizedTest
    @CsvSource({"velocity-all", "velocity-all-tokens", "class-token"})
    void valueAndGradientMatchPyTorch(String name) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode recording = GradMode.on()) {
            GoldenCase golden = GoldenCase.load(getClass(), "losses", name, manager);
            NDArray predicted = golden.get("inputs/predicted");
            predicted.setRequiresGradient(true);
            NDArray target = golden.get(golden.has("inputs/target_tokens") ? "inputs/target_tokens" : "inputs/target");

            NDArray perSample = VelocityLoss.perSample(predicted, target);
            NDArray gradient = Autograd.gradients(perSample.mean(), new NDList(predicted), manager)
                    .get(0);

            assertThat((double) perSample.mean().getFloat())
                    .isCloseTo(golden.get("value").toDoubleArray()[0], within(1e-6));
            assertThat(GoldenCase.relativeError(gradient, golden.get("grads/predicted")))
                    .isLessThan(1e-5); // float32
        }
    }
}
