package io.github.maskalign.encoders.text;

import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;

/** {@code x + CausalAttention(LN(x))}, then {@code x + MLP(LN(x))}, on (N, T, D). */
final class ClipTextBlock extends ScriptedBlock {
    ClipTextBlock(ClipTextConfig config, Precision precision) {
        super(ScriptFunction.of(ClipTextBlock.class, "clip_text.py", "clip_text_block")
                .bind("heads", config.heads())
                .bind("eps", config.eps())
                .bind("quick", config.quickGelu())
                .bind("bf16", precision == Precision.BFLOAT16));
        int width = config.width();
        norm("layer_norm1", width);
        for (String name : new String[] {"q_proj", "k_proj", "v_proj", "out_proj"}) {
            linear("self_attn." + name, width, width);
        }
        norm("layer_norm2", width);
        linear("mlp.fc1", width, config.hidden());
        linear("mlp.fc2", config.hidden(), width);
    }
}
