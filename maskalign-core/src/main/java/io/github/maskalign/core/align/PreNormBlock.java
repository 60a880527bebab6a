package io.github.maskalign.core.align;

import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;

/** Unconditioned mixing layer: x + Attention(LN(x)), then x + MLP(LN(x)), with affine norms and no gates. */
final class PreNormBlock extends ScriptedBlock {
    PreNormBlock(int width, int heads, double mlpRatio, Precision precision) {
        super(ScriptFunction.of(ScriptedBlock.class, "block.py", "pre_norm_block")
                .bind("heads", heads)
                .bind("bf16", precision == Precision.BFLOAT16));
        if (heads < 1 || width % heads != 0) {
            throw new IllegalArgumentException(
                    "mixer.heads must divide the mixer's width " + width + " but was " + heads);
        }
        norm("norm1", width);
        linear("attn.qkv", width, 3L * width);
        linear("attn.proj", width, width);
        norm("norm2", width);
        linear("mlp.fc1", width, (long) (width * mlpRatio));
        linear("mlp.fc2", (long) (width * mlpRatio), width);
    }
}
