package io.github.maskalign.core.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.script.Autograd;
import java.util.Map;
import org.junit.jupiter.api.Test;

class AdaLnZeroBlockTest {
    @Test
    void freshBlockIsTheIdentity() {
        try (NDManager manager = NDManager.newBaseManager()) {
            AdaLnZeroBlock block = new AdaLnZeroBlock(24, 3, 4, false, Precision.FLOAT32);
            block.initialize(manager, DataType.FLOAT32, new Shape(3, 9, 24), new Shape(3, 24));
            NDArray x = manager.randomNormal(new Shape(3, 9, 24));
            NDArray c = manager.randomNormal(new Shape(3, 24));

            NDArray y = block.forward(new ParameterStore(manager, false), new NDList(x, c), false)
                    .singletonOrThrow();

            assertThat(y.toFloatArray()).isEqualTo(x.toFloatArray());
        }
    }

    @Test
    void keysAreThoseOfTheOfficialStateDict() {
        AdaLnZeroBlock block = new AdaLnZeroBlock(24, 3, 4, false, Precision.FLOAT32);

        assertThat(ParameterKeys.of(block).keySet())
                .containsExactly(
                        "attn.qkv.weight", "attn.qkv.bias",
                        "attn.proj.weight", "attn.proj.bias",
                        "mlp.fc1.weight", "mlp.fc1.bias",
                        "mlp.fc2.weight", "mlp.fc2.bias",
                        "adaLN_modulation.1.weight", "adaLN_modulation.1.bias");
    }

    @Test
    void everyParameterGetsAGradientOnceTheGatesAreOpen() {
        for (boolean qkNorm : new boolean[] {false, true}) {
            try (NDManager manager = NDManager.newBaseManager();
                    GradMode recording = GradMode.on()) {
                AdaLnZeroBlock block = new AdaLnZeroBlock(24, 3, 4, qkNorm, Precision.FLOAT32);
                block.initialize(manager, DataType.FLOAT32, new Shape(3, 9, 24), new Shape(3, 24));
                Map<String, Parameter> parameters = ParameterKeys.of(block);
                try (GradMode editing = GradMode.off()) {
                    parameters.get("adaLN_modulation.1.bias").getArray().addi(0.3f);
                }
                NDArray x = manager.randomNormal(new Shape(3, 9, 24));
                NDArray c = manager.randomNormal(new Shape(3, 24));

                NDList arrays = new NDList();
                parameters.values().forEach(p -> arrays.add(p.getArray()));
                NDArray loss = block.forward(new ParameterStore(manager, false), new NDList(x, c), false)
                        .singletonOrThrow()
                        .square()
                        .sum();
                NDList gradients = Autograd.gradients(loss, arrays, manager);

                int i = 0;
                for (String key : parameters.keySet()) {
                    assertThat(gradients.get(i++).abs().max().getFloat())
                            .as(key)
                            .isPositive();
                }
            }
        }
    }

    @Test
    void headsMustDivideTheWidth() {
        assertThatThrownBy(() -> new AdaLnZeroBlock(24, 5, 4, false, Precision.FLOAT32))
                .hasMessage("numHeads must divide hiddenSize 24 but was 5");
    }
}
