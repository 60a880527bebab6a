package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.training.ParameterStore;
import ai.djl.util.Pair;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** TREAD's block behind the route, which keeps float32 where the others round. */
@Tag("bits")
class RoutePrecisionTest {
    private static final SiTConfig ROUTED = TinySiT.plain().withPlacement(SubsetPlacement.ROUTE, 0, 1);

    @Test
    void blockBehindTheRouteAloneComputesInFloat32() {
        assertThat(exactBlocks(ROUTED)).isEmpty();
        assertThat(exactBlocks(exact(ROUTED, 0, 1))).containsExactly(2);
        assertThat(exactBlocks(exact(ROUTED, 0, -3))).containsExactly(1); // counted from the end
        assertThat(exactBlocks(exact(ROUTED, 1, 2))).isEmpty(); // there is none behind it
        assertThat(exactBlocks(exact(TinySiT.plain().withPlacement(SubsetPlacement.NONE, 0, 1), 0, 1)))
                .isEmpty();
    }

    /** The blocks of a bfloat16 model that give the bits of a float32 model with the same weights. */
    private static List<Integer> exactBlocks(SiTConfig config) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode values = GradMode.off()) {
            SiT rounding = TinySiT.fresh(config, Precision.BFLOAT16, manager);
            TinySiT.move(rounding, manager);
            SiT reference = TinySiT.fresh(config, Precision.FLOAT32, manager);
            Weights.copyInto(reference, Weights.of(rounding));
            NDArray x = manager.randomNormal(new Shape(2, 9, 24));
            NDArray c = manager.randomNormal(new Shape(2, 24));
            ParameterStore store = new ParameterStore(manager, false);
            List<Integer> found = new ArrayList<>();
            for (int i = 0; i < TinySiT.DEPTH; i++) {
                float[] expected = run(block(reference, i), store, x, c);
                if (Arrays.equals(expected, run(block(rounding, i), store, x, c))) {
                    found.add(i);
                }
            }
            return found;
        }
    }

    private static float[] run(Block block, ParameterStore store, NDArray x, NDArray c) {
        return block.forward(store, new NDList(x, c), false).singletonOrThrow().toFloatArray();
    }

    private static Block block(SiT model, int i) {
        for (Pair<String, Block> child : model.getChildren()) {
            if (child.getKey().endsWith("blocks." + i)) {
                return child.getValue();
            }
        }
        throw new AssertionError("no block " + i);
    }

    private static SiTConfig exact(SiTConfig config, int start, int end) {
        return config.withSubset(config.subset().withRoute(start, end, true));
    }
}
