package io.github.maskalign.sit.lab.internal;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.script.ScriptFunction;
import org.junit.jupiter.api.Test;

class GradientConflictTest {
    private static final ScriptFunction PRODUCTS = ScriptFunction.of(GradientConflict.class, "analysis.py", "products");

    /** Else the join behind SPRINT's middle and MaskDiT's decoder would lower the cosine of the embedders. */
    @Test
    void parametersThatOneLossAloneReachesCountInNoProduct() {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode recording = GradMode.on()) {
            NDArray both = manager.create(new float[] {1, 2});
            NDArray one = manager.create(new float[] {3, 4});
            both.setRequiresGradient(true);
            one.setRequiresGradient(true);
            NDArray first = both.mul(manager.create(new float[] {2, 1})).sum();
            NDArray second = both.mul(both).sum().add(one.sum());

            double[] products = PRODUCTS.callOn(manager, first, second, new NDList(both, one))
                    .singletonOrThrow()
                    .toDoubleArray();

            // gradients (2, 1) and (2, 4) of both; of the other none and (1, 1)
            assertThat(products).containsExactly(8, 5, 20, 0, 0, 0);
        }
    }
}
