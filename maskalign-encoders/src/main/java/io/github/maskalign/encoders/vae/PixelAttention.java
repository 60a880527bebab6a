package io.github.maskalign.encoders.vae;

import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;

/** Attention of one head between the pixels of (N, C, H, W), added to them. */
final class PixelAttention extends ScriptedBlock {
    PixelAttention(int width, int groups, Precision precision) {
        super(ScriptFunction.of(PixelAttention.class, "vae.py", "pixel_attention")
                .bind("groups", groups)
                .bind("bf16", precision == Precision.BFLOAT16));
        norm("group_norm", width);
        linear("to_q", width, width);
        linear("to_k", width, width);
        linear("to_v", width, width);
        linear("to_out.0", width, width);
    }
}
