package io.github.maskalign.core.nn.internal;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.AdaLnZeroBlock;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class RecomputationTest {
    private static final int D = 8;

    static Stream<Recomputation> ways() {
        return Stream.of(new Recomputation(), Recomputation.ofNothing());
    }

    @ParameterizedTest
    @MethodSource("ways")
    void aWeightThatIsUsedBeforeAnEarlierBlockTooIsRefused(Recomputation walk) {
        try (NDManager manager = NDManager.newBaseManager()) {
            manager.getEngine().setRandomSeed(3);
            AdaLnZeroBlock first = block(manager);
            AdaLnZeroBlock second = block(manager);
            NDList weights = Weights.trainable(second);
            NDArray bias = weights.stream()
                    .filter(weight -> weight.getShape().equals(new Shape(D)))
                    .findFirst()
                    .orElseThrow();
            try (GradMode recording = GradMode.on()) {
                NDArray x = manager.randomNormal(new Shape(2, 3, D)).add(bias);
                NDArray c = walk.join(manager.randomNormal(new Shape(2, D)));
                ParameterStore store = new ParameterStore(manager, false);
                NDArray y = walk.run(second, store, true, walk.run(first, store, true, x, c), c);
                NDArray loss = y.square().mean();

                assertThatThrownBy(() -> walk.gradients(loss, weights, manager, (which, gradients, inUse) -> {}))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("a weight of a block, of shape (8), is used before an earlier block too");
            }
        }
    }

    private static AdaLnZeroBlock block(NDManager manager) {
        AdaLnZeroBlock block = new AdaLnZeroBlock(D, 2, 2, false, Precision.FLOAT32);
        block.initialize(manager, DataType.FLOAT32, new Shape(1, 3, D), new Shape(1, D));
        return block;
    }
}
