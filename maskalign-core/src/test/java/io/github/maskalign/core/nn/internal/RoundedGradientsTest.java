package io.github.maskalign.core.nn.internal;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.AdaLnZeroBlock;
import io.github.maskalign.core.nn.AdaLnZeroBlock.Size;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.script.Autograd;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Gradients of rounded weights come back in float32 whatever the size of the pieces they are converted in. */
@Tag("bits")
class RoundedGradientsTest {
    private NDManager manager;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager();
        manager.getEngine().setRandomSeed(5);
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 100, 1000, 1 << 26})
    void piecesOfAnySizeGiveEqualBits(long atOnce) {
        // with norms of q and k, whose gradients are float32 and stand between the others
        AdaLnZeroBlock block =
                new AdaLnZeroBlock(new Size(12, 12, 3, 2, true), Initializers.NORMAL_002, Precision.BFLOAT16);
        NDArray x = manager.randomNormal(new Shape(2, 5, 12));
        NDArray c = manager.randomNormal(new Shape(2, 12));
        block.initialize(manager, DataType.FLOAT32, x.getShape(), c.getShape());
        NDList weights = Weights.trainable(block);
        List<float[]> expected = gradients(block, new ParameterStore(manager, false), x, c, null);

        RoundedWeights rounded = new RoundedWeights(block, manager, atOnce);
        List<float[]> found = gradients(block, rounded, x, c, rounded);

        assertThat(found).hasSameSizeAs(weights).hasSameSizeAs(expected);
        for (int i = 0; i < expected.size(); i++) {
            assertThat(found.get(i)).as("gradient %d", i).isEqualTo(expected.get(i));
        }
        assertThat(weights.get(0).getShape()).isEqualTo(new Shape(36, 12));
    }

    private List<float[]> gradients(
            AdaLnZeroBlock block, ParameterStore store, NDArray x, NDArray c, @Nullable RoundedWeights rounded) {
        try (GradMode recording = GradMode.on()) {
            NDArray loss = block.forward(store, new NDList(x, c), true)
                    .singletonOrThrow()
                    .square()
                    .sum();
            NDList weights = Weights.trainable(block);
            NDList found = rounded == null
                    ? Autograd.gradients(loss, weights, manager)
                    : rounded.around(Autograd::gradients).gradients(loss, weights, manager);
            List<float[]> out = new ArrayList<>();
            found.forEach(gradient -> out.add(gradient.toFloatArray()));
            return out;
        }
    }
}
