package io.github.maskalign.encoders.vit;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.nn.Initializers;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.encoders.vit.VitParts.Activation;
import java.util.Arrays;

/** {@code x + γ₁ Attention(LN(x))}, then {@code x + γ₂ MLP(LN(x))}, on (N, T, D); with LayerScale or γ = 1. */
final class TransformerBlock extends ScriptedBlock {
    TransformerBlock(VitConfig config, Precision precision) {
        super(function(config.parts().activation())
                .bind("heads", config.heads())
                .bind("eps", config.parts().eps())
                .bind("bf16", precision == Precision.BFLOAT16));
        int width = config.width();
        VitParts parts = config.parts();
        boolean gated = parts.activation() == Activation.SWIGLU;
        norm("norm1", width);
        linear("attn.qkv", width, 3L * width);
        linear("attn.proj", width, width);
        scale("ls1.gamma", config);
        norm("norm2", width);
        linear(gated ? "mlp.w12" : "mlp.fc1", width, gated ? 2L * config.hidden() : config.hidden());
        linear(gated ? "mlp.w3" : "mlp.fc2", config.hidden(), width);
        scale("ls2.gamma", config);
    }

    private static ScriptFunction function(Activation activation) {
        return activation == Activation.SWIGLU
                ? ScriptFunction.of(TransformerBlock.class, "vit.py", "swiglu_vit_block")
                : ScriptFunction.of(TransformerBlock.class, "vit.py", "vit_block")
                        .bind("quick", activation == Activation.QUICK_GELU);
    }

    private void scale(String name, VitConfig config) {
        if (config.parts().layerScale()) {
            float[] factors = new float[config.width()];
            Arrays.fill(factors, (float) config.layerScaleInit());
            parameter(name, new Shape(factors.length), Initializers.constant(factors));
        }
    }
}
