package io.github.maskalign.encoders.vit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import ai.djl.util.PairList;
import io.github.maskalign.core.align.RepresentationEncoder.AttentionSize;
import io.github.maskalign.core.align.RepresentationEncoder.EncoderTokens;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.nn.internal.Initializers;
import io.github.maskalign.core.nn.internal.SinCosPositions;
import io.github.maskalign.core.script.ScriptExporter;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.encoders.vit.Vit.VitParts.Activation;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Vision transformer: the architecture of DINOv2, and with other {@link VitParts} that of DINO, MAE, MoCo v3, I-JEPA and
 * CLIP's vision tower.
 *
 * <pre>
 * x = [cls; registers; Conv(image)] + positions,   x ← LN(x) in CLIP
 * x ← x + γ₁ Attention(LN(x)),  x ← x + γ₂ MLP(LN(x))     L times
 * class token, patch tokens = LN(x), or x in MAE and CLIP
 * </pre>
 *
 * <p>Input: standardised pictures (N, 3, H, W), float32, H and W multiples of p; where their grid is not the
 * position table's, the table is resampled. Output: the class token (N, D), unless there is none, and the patch tokens
 * (N, T, D), row-major. Keys are those of DINOv2's weights, {@code mask_token} included, which nothing here uses;
 * {@code norm_pre} is the norm before the blocks. Source: DINOv2 (arXiv 2304.07193), ViT (arXiv 2010.11929).
 */
public final class Vit extends AbstractBlock {
    private static final byte VERSION = 1;

    private final VitConfig config;
    private final Block embedding;
    private final @Nullable Block normBefore;
    private final List<TransformerBlock> blocks = new ArrayList<>();
    private final @Nullable Block normAfter;
    private final ScriptFunction split;

    /** Creates a transformer in the given arithmetic; embedding and norms are float32 in both. */
    public Vit(VitConfig config, Precision precision) {
        super(VERSION);
        this.config = config;
        VitParts parts = config.parts();
        if (parts.maskToken()) {
            addParameter(Parameter.builder()
                    .setName("mask_token")
                    .setType(Parameter.Type.OTHER)
                    .optShape(new Shape(1, config.width()))
                    .optInitializer(Initializer.ZEROS)
                    .optRequiresGrad(false)
                    .build());
        }
        embedding = addChildBlock("", new TokenEmbedding(config));
        normBefore = parts.normBefore() ? addChildBlock("norm_pre", new TokenNorm(config.width(), parts.eps())) : null;
        for (int i = 0; i < config.depth(); i++) {
            blocks.add(addChildBlock("blocks." + i, new TransformerBlock(config, precision)));
        }
        normAfter = parts.normAfter() ? addChildBlock("norm", new TokenNorm(config.width(), parts.eps())) : null;
        split = ScriptFunction.of(Vit.class, "vit.py", "split_tokens").bind("before", parts.before());
    }

    /** Returns the shape this transformer was made with. */
    public VitConfig config() {
        return config;
    }

    /**
     * Writes the transformer as a TorchScript archive with the one input {@code image}.
     *
     * @param weights values to write instead of the block's own, by key, such as a moving average
     * @param extras text files to add to the archive, by name
     * @param out where the archive goes; it is closed
     * @throws IllegalArgumentException if the weights do not fit
     */
    public void export(Map<String, NDArray> weights, Map<String, String> extras, OutputStream out) throws IOException {
        NDArray any = weights.values().iterator().next();
        try (NDManager scratch = any.getManager().newSubManager()) {
            Vit copy = new Vit(config, Precision.FLOAT32);
            NDArray image = scratch.zeros(new Shape(1, 3, config.imageSize(), config.imageSize()));
            copy.initialize(scratch, DataType.FLOAT32, image.getShape());
            Weights.copyInto(copy, weights);
            ScriptExporter exporter =
                    new ScriptExporter().weights(Weights.of(copy)).input("image", image);
            extras.forEach(exporter::extra);
            ParameterStore store = new ParameterStore(scratch, false);
            exporter.export(() -> copy.forward(store, new NDList(image), false), out);
        }
    }

    /**
     * Returns the tokens and the attention of some blocks, which is computed for these alone.
     *
     * @param store where the parameters' arrays come from
     * @param image standardised pictures (N, 3, H, W), float32
     * @param attended blocks whose attention is wanted, from 1
     * @return tokens on the manager of {@code image}, with zeros for a class token that there is not
     * @throws IllegalArgumentException for another shape of pictures, or a block that there is not
     */
    public EncoderTokens tokens(ParameterStore store, NDArray image, List<Integer> attended) {
        attention().require(attended);
        Map<Integer, NDArray> attention = new LinkedHashMap<>();
        NDList out = forward(store, new NDList(image), false, attended, attention);
        NDArray patches = out.get(out.size() - 1);
        Shape shape = patches.getShape();
        NDArray classToken =
                out.size() == 2 ? out.get(0) : patches.getManager().zeros(new Shape(shape.get(0), shape.get(2)));
        return new EncoderTokens(classToken, patches, attention);
    }

    /** Returns of how many blocks and heads there is attention. */
    public AttentionSize attention() {
        return new AttentionSize(config.depth(), config.heads());
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        return forward(store, inputs, training, List.of(), new LinkedHashMap<>());
    }

    private NDList forward(
            ParameterStore store,
            NDList inputs,
            boolean training,
            List<Integer> attended,
            Map<Integer, NDArray> attention) {
        Shape image = inputs.get(0).getShape();
        int p = config.patchSize();
        if (image.dimension() != 4 || image.get(1) != 3 || image.get(2) % p != 0 || image.get(3) % p != 0) {
            throw new IllegalArgumentException(
                    "pictures must be (N, 3, H, W) with sides that are multiples of " + p + " but were " + image);
        }
        NDList x = embedding.forward(store, inputs, training); // (N, 1 + R + T, D)
        if (normBefore != null) {
            x = normBefore.forward(store, x, training);
        }
        for (int i = 0; i < blocks.size(); i++) {
            if (attended.contains(i + 1)) {
                attention.put(i + 1, blocks.get(i).attentionLogits(store, x.singletonOrThrow()));
            }
            x = blocks.get(i).forward(store, x, training);
        }
        if (normAfter != null) {
            x = normAfter.forward(store, x, training);
        }
        return config.parts().classToken() ? split.call(x.singletonOrThrow()) : x;
    }

    @Override
    protected void initializeChildBlocks(NDManager manager, DataType dataType, Shape... inputShapes) {
        embedding.initialize(manager, dataType, inputShapes);
        Shape[] tokens = embedding.getOutputShapes(inputShapes);
        if (normBefore != null) {
            normBefore.initialize(manager, dataType, tokens);
        }
        blocks.forEach(block -> block.initialize(manager, dataType, tokens));
        if (normAfter != null) {
            normAfter.initialize(manager, dataType, tokens);
        }
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        Shape x = embedding.getOutputShapes(inputShapes)[0];
        Shape patches = new Shape(x.get(0), x.get(1) - config.parts().before(), x.get(2));
        return config.parts().classToken()
                ? new Shape[] {new Shape(x.get(0), x.get(2)), patches}
                : new Shape[] {patches};
    }

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
                    .bind("rule", config.parts().positions().scriptRule));
            VitParts parts = config.parts();
            patch = config.patchSize();
            width = config.width();
            before = parts.before();
            int table = parts.classToken() ? 1 : 0;
            if (parts.classToken()) {
                parameter("cls_token", new Shape(1, 1, width), Initializers.NORMAL_002);
            }
            // from sines and cosines on, so that a fresh model can already tell patches apart
            Initializer positions = width % 4 == 0
                    ? Initializers.constant(SinCosPositions.table(width, config.grid(), table))
                    : Initializers.NORMAL_002;
            parameter("pos_embed", new Shape(1, (long) table + config.grid() * config.grid(), width), positions);
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

    /** {@code x + γ₁ Attention(LN(x))}, then {@code x + γ₂ MLP(LN(x))}, on (N, T, D); with LayerScale or γ = 1. */
    static final class TransformerBlock extends ScriptedBlock {
        private static final List<String> OF_LOGITS =
                List.of("norm1.weight", "norm1.bias", "attn.qkv.weight", "attn.qkv.bias");

        private final ScriptFunction logits;

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
            logits = ScriptFunction.of(TransformerBlock.class, "vit.py", "vit_attention_logits")
                    .bind("heads", config.heads())
                    .bind("eps", parts.eps())
                    .bind("class_token", parts.classToken())
                    .bind("registers", parts.registers())
                    .bind("bf16", precision == Precision.BFLOAT16);
        }

        /** Returns what the softmax of the attention over (N, T, D) sees: (N, h, 1+T, 1+T), float32. */
        NDArray attentionLogits(ParameterStore store, NDArray x) {
            List<Object> arguments = new ArrayList<>(List.of(x));
            getParameters().forEach(entry -> {
                if (OF_LOGITS.contains(entry.getValue().getName())) {
                    arguments.add(store.getValue(entry.getValue(), x.getDevice(), false));
                }
            });
            return logits.callForOne(arguments.toArray());
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

    /**
     * In what vision transformers differ.
     *
     * @param classToken whether a class token stands before the patches
     * @param registers tokens between class token and patches that are thrown away at the end; at least 0
     * @param layerScale whether branches are multiplied by learned factors
     * @param activation of the MLP
     * @param patchBias whether the projection of the patches has a bias
     * @param normBefore whether a norm comes before the first block
     * @param normAfter whether a norm comes after the last
     * @param maskToken whether the weights have a mask token, which nothing here uses
     * @param eps of all norms; above 0
     * @param positions how the position table is made for pictures of another grid than its own
     */
    public record VitParts(
            boolean classToken,
            int registers,
            boolean layerScale,
            Activation activation,
            boolean patchBias,
            boolean normBefore,
            boolean normAfter,
            boolean maskToken,
            double eps,
            Positions positions) {

        /** Activation of the MLP. */
        public enum Activation {
            /** x Φ(x), exact. */
            GELU,
            /** x σ(1.702 x). */
            QUICK_GELU,
            /** SiLU(a) b, for the halves a and b of a first layer of twice the width. */
            SWIGLU
        }

        /** Bicubic resampling of the position table. */
        public enum Positions {
            /** With antialias: REPA's rule for all encoders, and DINOv2's own with registers. */
            ANTIALIAS(0),
            /** Without: what Hugging Face's classes do. */
            EXACT(1),
            /** Without, by the scale (side + 0.1) / grid: the code of DINO and DINOv2 without registers. */
            OFFSET(2);

            /** What {@code vit.py} calls the rule. */
            final int scriptRule;

            Positions(int scriptRule) {
                this.scriptRule = scriptRule;
            }
        }

        /** DINOv2 without registers, with REPA's rule for the position table. */
        public static final VitParts DINOV2 =
                new VitParts(true, 0, true, Activation.GELU, true, false, true, true, 1e-6, Positions.ANTIALIAS);

        /** @throws IllegalArgumentException if a number is out of range or there are registers without class token */
        public VitParts {
            if (registers < 0 || (registers > 0 && (!classToken || !patchBias))) {
                throw new IllegalArgumentException(
                        "registers must be at least 0, and 0 without class token or patch bias," + " but were "
                                + registers);
            }
            if (!classToken && !patchBias) {
                throw new IllegalArgumentException("a transformer without class token must have a patch bias");
            }
            if (!(eps > 0)) {
                throw new IllegalArgumentException("eps must be above 0 but was " + eps);
            }
        }

        /** Returns the tokens before the patches. */
        public int before() {
            return (classToken ? 1 : 0) + registers;
        }
    }
}
