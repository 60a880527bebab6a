package io.github.maskalign.core.nn;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.script.Autograd;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

@Tag("bits")
@Tag("device")
class AdaLnZeroBlockGoldenTest {
    static Stream<Arguments> cases() {
        return Stream.of("block", "block_qk_norm")
                .flatMap(topic ->
                        GoldenCase.names(AdaLnZeroBlockGoldenTest.class, topic).map(name -> Arguments.of(topic, name)));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void outputAndGradientsMatchPyTorch(String topic, String name) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode recording = GradMode.on()) {
            GoldenCase golden = GoldenCase.load(getClass(), topic, name, manager);
            int width = Integer.parseInt(golden.metadata().get("hidden_size"));
            AdaLnZeroBlock block = new AdaLnZeroBlock(
                    width,
                    Integer.parseInt(golden.metadata().get("num_heads")),
                    Double.parseDouble(golden.metadata().get("mlp_ratio")),
                    topic.equals("block_qk_norm"),
                    Precision.FLOAT32);
            NDArray x = golden.get("inputs/x");
            NDArray c = golden.get("inputs/c");
            block.initialize(manager, DataType.FLOAT32, x.getShape(), c.getShape());
            Weights.copyInto(block, golden.under("weights/"));
            x.setRequiresGradient(true);
            c.setRequiresGradient(true);

            NDArray y = block.forward(new ParameterStore(manager, false), new NDList(x, c), false)
                    .singletonOrThrow();
            NDList variables = Weights.trainable(block);
            List<String> names = new ArrayList<>(Weights.of(block).keySet());
            variables.add(x);
            names.add("x");
            variables.add(c);
            names.add("c");
            NDList gradients =
                    Autograd.gradients(y.mul(golden.get("inputs/cotangent")).sum(), variables, manager);

            assertThat(GoldenCase.relativeError(y, golden.get("outputs/y"))).isLessThan(1e-5); // float32
            for (int i = 0; i < names.size(); i++) {
                if (names.get(i).equals("attn.k_norm.bias")) {
                    continue; // adds the same to all scores of a query: rounding is all there is to compare
                }
                assertThat(GoldenCase.relativeError(gradients.get(i), golden.get("grads/" + names.get(i))))
                        .as(names.get(i))
                        .isLessThan(1e-4); // float32, sums over tokens and samples
            }
        }
    }
}
