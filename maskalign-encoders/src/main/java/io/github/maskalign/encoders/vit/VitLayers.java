package io.github.maskalign.encoders.vit;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.nn.internal.Initializers;
import io.github.maskalign.core.nn.internal.SinCosPositions;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.encoders.vit.Vit.VitParts;
import io.github.maskalign.encoders.vit.Vit.VitParts.Activation;
import io.github.maskalign.encoders.vit.Vit.VitParts.Rotary;
import io.github.maskalign.encoders.vit.Vit.VitParts.Table;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What a {@link Vit} is made of, each a function of {@code vit.py}. */
final class VitLayers {
    /** What {@code vit.py} calls C-RADIO's rule for the position table. */
    private static final int CROPPED_RULE = 3;

    /** At the numbers that {@code vit.py} has for them. */
    private static final List<Activation> ACTIVATIONS =
            List.of(Activation.GELU, Activation.QUICK_GELU, Activation.GELU_TANH);

    private VitLayers() {}

    /** LayerNorm of (N, T, D) over the width. */
    static final class TokenNorm extends ScriptedBlock {
        TokenNorm(int width, double eps) {
            super(ScriptFunction.of(TokenNorm.class, "vit.py", "token_norm").bind("eps", eps));
            parameter("weight", new Shape(width), Initializer.ONES);
            parameter("bias", new Shape(width), Initializer.ZEROS);
        }
    }

    /** From pictures (N, 3, H, W) to tokens with positions (N, T, D), class token and registers first. */
    static final class TokenEmbedding extends ScriptedBlock {
        private final int patch;
        private final int width;
        private final int before;

        TokenEmbedding(VitConfig config) {
            super(ScriptFunction.of(TokenEmbedding.class, "vit.py", "token_embedding")
                    .bind("patch", config.patchSize())
                    .bind("grid", config.grid())
                    .bind(
                            "rule",
                            config.parts().table() == Table.CROPPED
                                    ? CROPPED_RULE
                                    : config.parts().positions().scriptRule));
            VitParts parts = config.parts();
            patch = config.patchSize();
            width = config.width();
            before = parts.before();
            int table = parts.classToken() && parts.table() == Table.ALL ? 1 : 0;
            if (parts.classToken()) {
                parameter("cls_token", new Shape(1, 1, width), Initializers.NORMAL_002);
            }
            // from sines and cosines on, so that a fresh model can already tell patches apart
            Initializer positions = width % 4 == 0
                    ? Initializers.constant(SinCosPositions.table(width, config.grid(), table))
                    : Initializers.NORMAL_002;
            if (parts.table() != Table.NONE) {
                parameter("pos_embed", new Shape(1, (long) table + config.grid() * config.grid(), width), positions);
            }
            if (parts.registers() > 0) {
                parameter("register_tokens", new Shape(1, parts.registers(), width), Initializers.NORMAL_002);
            }
            parameter("patch_embed.proj.weight", new Shape(width, 3, patch, patch), Initializers.XAVIER_UNIFORM);
            if (parts.patchBias()) {
                parameter("patch_embed.proj.bias", new Shape(width), Initializer.ZEROS);
            }
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            Shape image = inputShapes[0];
            return new Shape[] {new Shape(image.get(0), before + image.get(2) / patch * (image.get(3) / patch), width)};
        }
    }

    /** Cosines and sines by which queries and keys are turned, (2, T, d), from pictures (N, 3, H, W). */
    static final class RotaryAngles extends ScriptedBlock {
        private final int patch;
        private final int headWidth;

        RotaryAngles(VitConfig config) {
            super(function(config));
            patch = config.patchSize();
            headWidth = config.width() / config.heads();
            frozen("periods", new Shape(headWidth / 4), Initializers.constant(config.rotaryPeriods()));
        }

        private static ScriptFunction function(VitConfig config) {
            ScriptFunction table = ScriptFunction.of(RotaryAngles.class, "vit.py", "rotary_table")
                    .bind("patch", config.patchSize());
            VitParts parts = config.parts();
            if (parts.rotary() == Rotary.CENTRES) {
                return table.bind("offset", 0.5)
                        .bind("span", 4 * Math.PI)
                        .bind("start", -2 * Math.PI)
                        .bind("interleaved", false);
            }
            return table.bind("offset", parts.classToken() ? 1.0 : 0.0)
                    .bind("span", (double) config.grid())
                    .bind("start", 0.0)
                    .bind("interleaved", true);
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            Shape image = inputShapes[0];
            return new Shape[] {new Shape(2, image.get(2) / patch * (image.get(3) / patch), headWidth)};
        }
    }

    /**
     * {@code x + γ₁ Attention(LN(x))}, then {@code x + γ₂ MLP(LN(x))}, on (N, T, D), and on angles where there are some; with
     * LayerScale or γ = 1.
     */
    static final class TransformerBlock extends ScriptedBlock {
        private static final List<String> OF_LOGITS =
                List.of("norm1.weight", "norm1.bias", "attn.qkv.weight", "attn.qkv.bias");

        private final ScriptFunction logits;

        TransformerBlock(VitConfig config, Precision precision) {
            super(function(config.parts())
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
            logits = turned(
                            parts,
                            ScriptFunction.of(
                                    TransformerBlock.class,
                                    "vit.py",
                                    parts.rotary() == Rotary.NONE ? "vit_attention_logits" : "rotary_attention_logits"))
                    .bind("heads", config.heads())
                    .bind("eps", parts.eps())
                    .bind("class_token", parts.classToken())
                    .bind("registers", parts.registers())
                    .bind("bf16", precision == Precision.BFLOAT16);
        }

        /** Returns what the softmax of the attention over (N, T, D) sees: (N, h, 1+T, 1+T), float32. */
        NDArray attentionLogits(ParameterStore store, NDList inputs) {
            List<Object> arguments = new ArrayList<>(inputs);
            Device device = inputs.get(0).getDevice();
            getParameters().forEach(entry -> {
                if (OF_LOGITS.contains(entry.getValue().getName())) {
                    arguments.add(store.getValue(entry.getValue(), device, false));
                }
            });
            return logits.callForOne(arguments.toArray());
        }

        private static ScriptFunction function(VitParts parts) {
            boolean gated = parts.activation() == Activation.SWIGLU;
            String name = (parts.rotary() == Rotary.NONE ? "" : "rotary_") + (gated ? "swiglu_vit_block" : "vit_block");
            ScriptFunction block = turned(parts, ScriptFunction.of(TransformerBlock.class, "vit.py", name));
            return gated ? block : block.bind("activation", ACTIVATIONS.indexOf(parts.activation()));
        }

        private static ScriptFunction turned(VitParts parts, ScriptFunction function) {
            return parts.rotary() == Rotary.NONE
                    ? function
                    : function.bind("interleaved", parts.rotary() == Rotary.STEPS);
        }

        private void scale(String name, VitConfig config) {
            if (config.parts().layerScale()) {
                float[] factors = new float[config.width()];
                Arrays.fill(factors, (float) config.layerScaleInit());
                parameter(name, new Shape(factors.length), Initializers.constant(factors));
            }
        }
    }

    /** From tokens (N, T, D) to one vector for each picture, (N, D). */
    static final class PoolingHead extends ScriptedBlock {
        PoolingHead(VitConfig config, Precision precision) {
            super(ScriptFunction.of(PoolingHead.class, "vit.py", "pooled")
                    .bind("heads", config.parts().pooling().heads())
                    .bind("eps", config.parts().eps())
                    .bind("activation", ACTIVATIONS.indexOf(config.parts().activation()))
                    .bind("bf16", precision == Precision.BFLOAT16));
            int width = config.width();
            parameter("latent", new Shape(1, 1, width), Initializers.NORMAL_002);
            linear("qkv", width, 3L * width);
            linear("proj", width, width);
            norm("norm", width);
            int hidden = config.parts().pooling().hidden();
            linear("mlp.fc1", width, hidden);
            linear("mlp.fc2", hidden, width);
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            return new Shape[] {new Shape(inputShapes[0].get(0), inputShapes[0].get(2))};
        }
    }
}
