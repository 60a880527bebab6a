package io.github.maskalign.core.engine;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.core.Linear;
import io.github.maskalign.core.script.Autograd;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("device")
class ProfiledCallsTest {
    @Test
    void composedCallsCountAsWhatTheyAreMadeOf() throws Exception {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray x = manager.ones(new Shape(4, 3));
            NDArray w = manager.ones(new Shape(5, 3));
            NDArray b = manager.ones(new Shape(5));

            ProfiledCalls.start();
            NDArray y = Linear.linear(x, w, b).singletonOrThrow(); // one product with a sum
            NDArray wide = y.toType(DataType.FLOAT64, true); // a copy
            wide.reshape(20).transpose().sum(); // two views, a sum
            ProfiledCalls calls = ProfiledCalls.stop();

            assertThat(calls).isEqualTo(new ProfiledCalls(3, 1, 0));
        }
    }

    @Test
    void theBackwardPassIsCountedToo() throws Exception {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode recording = GradMode.on()) {
            NDArray x = manager.ones(new Shape(4, 3));
            x.setRequiresGradient(true);
            NDArray loss = x.mul(x).sum();

            ProfiledCalls.start();
            Autograd.gradients(loss, new NDList(x), manager);
            ProfiledCalls calls = ProfiledCalls.stop();

            assertThat(calls.operations()).isBetween(3L, 5L); // two products, their sum, perhaps a seed
        }
    }
}
