package io.github.maskalign.sit;

import ai.djl.ndarray.types.Shape;
import ai.djl.training.initializer.Initializer;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.nn.internal.Initializers;
import io.github.maskalign.core.script.ScriptFunction;

/**
 * Transformer block of MDTv2: {@link io.github.maskalign.core.nn.AdaLnZeroBlock} with a learned bias for each head and each
 * relative position of two tokens, added before the softmax, and in the later blocks with a long skip.
 *
 * <pre>
 * x ← Linear([x; skip])                        2D → D, with a skip
 * x ← x + gate · Attention(modulated LN(x), bias = table[pairs])
 * x ← x + gate · MLP(modulated LN(x))
 * </pre>
 *
 * <p>Inputs: {@code x} (N, T, D), condition {@code c} (N, D), with a skip that too (N, T, D), and the rows of the table for each
 * pair of tokens (1 or N, T T), int64. Output: (N, T, D). The table has (2 G − 1)² + 3 rows, of which the last three, for a class
 * token in the code that it was taken from, are never used. Source: sail-sg/MDT, {@code masked_diffusion/models.py}.
 */
final class SkipBlock extends ScriptedBlock {
    private static final String TABLE = "attn.rel_pos_bias.relative_position_bias_table";

    private static final int UNUSED_ROWS = 3;

    /** As the code draws it: N(0, 0.02²), cut far out. */
    private static final Initializer TABLE_VALUES = Initializers.NORMAL_002;

    SkipBlock(SiTConfig.ModelConfig model, boolean skip, Precision precision) {
        super(ScriptFunction.of(SkipBlock.class, "skips.py", skip ? "skip_block" : "biased_block")
                .bind("heads", model.numHeads())
                .bind("bf16", precision == Precision.BFLOAT16));
        int width = model.hiddenSize();
        long hidden = (long) (width * model.mlpRatio());
        if (skip) {
            linear("skip_linear", 2L * width, width);
        }
        linear("attn.qkv", width, 3L * width);
        linear("attn.proj", width, width);
        long side = 2L * (model.inputSize() / model.patchSize()) - 1;
        parameter(TABLE, new Shape(side * side + UNUSED_ROWS, model.numHeads()), TABLE_VALUES);
        linear("mlp.fc1", width, hidden);
        linear("mlp.fc2", hidden, width);
        zeroLinear("adaLN_modulation.1", width, 6L * width);
    }
}
