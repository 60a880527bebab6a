package io.github.maskalign.core.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.List;
import org.junit.jupiter.api.Test;

class ScriptedBlockTest {
    private static final int D = 8;

    @Test
    void weightsOfEqualShapeInTheWrongOrderAreRefused() {
        assertThatThrownBy(() -> new PreNorm(List.of("norm1", "attn.qkv", "norm2", "attn.proj")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("weight attn.proj.weight of PreNorm must come before norm2.weight, as in script function"
                        + " pre_norm_block");
        assertThatThrownBy(() -> new PreNorm(List.of("norm2", "norm1")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("norm1.weight of PreNorm must come before norm2.weight");
    }

    @Test
    void weightThatTheFunctionDoesNotHaveIsRefused() {
        assertThatThrownBy(() -> new PreNorm(List.of("norm3")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("weight norm3.weight of PreNorm must be a parameter of script function"
                        + " pre_norm_block, which takes [x, norm1_weight, norm1_bias,");
    }

    @Test
    void missingWeightIsNamedBeforeAnythingIsComputed() {
        PreNorm block = new PreNorm(List.of("norm1", "attn.qkv", "norm2"));

        try (NDManager manager = NDManager.newBaseManager()) {
            assertThatThrownBy(() -> block.initialize(manager, DataType.FLOAT32, new Shape(1, 3, D)))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("PreNorm has no weight for attn_proj_weight of script function pre_norm_block");
        }
    }

    @Test
    void optionalWeightsMayBeMissing() {
        try (NDManager manager = NDManager.newBaseManager()) {
            AdaLnZeroBlock plain = new AdaLnZeroBlock(D, 2, 4, false, Precision.FLOAT32);
            plain.initialize(manager, DataType.FLOAT32, new Shape(1, 3, D), new Shape(1, D));
            AdaLnZeroBlock normed = new AdaLnZeroBlock(D, 2, 4, true, Precision.FLOAT32);
            normed.initialize(manager, DataType.FLOAT32, new Shape(1, 3, D), new Shape(1, D));

            assertThat(ParameterKeys.of(plain)).hasSize(10);
            assertThat(ParameterKeys.of(normed)).hasSize(14);
        }
    }

    /** The unconditioned block with its weights in any order. */
    private static final class PreNorm extends ScriptedBlock {
        PreNorm(List<String> parts) {
            super(ScriptFunction.of(ScriptedBlock.class, "block.py", "pre_norm_block")
                    .bind("heads", 2)
                    .bind("bf16", false));
            for (String part : parts) {
                if (part.startsWith("norm")) {
                    norm(part, D);
                } else {
                    linear(part, D, part.equals("attn.qkv") ? 3 * D : D);
                }
            }
        }
    }
}
