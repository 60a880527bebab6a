package io.github.maskalign.encoders.text;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Block;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import ai.djl.util.PairList;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.nn.internal.Initializers;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * CLIP's text transformer (arXiv 2103.00020, section 2.4).
 *
 * <pre>
 * x = tokens[ids] + positions
 * x ← x + CausalAttention(LN(x)),  x ← x + MLP(LN(x))     L times
 * tokens = LN(x),  pooled = W tokens[end]
 * </pre>
 *
 * <p>In: ids (N, T) and the place of the end token (N), both int64. Out: tokens (N, T, D) and pooled (N, P). Keys are
 * those of transformers' {@code CLIPTextModelWithProjection}.
 */
final class ClipTextTower extends AbstractBlock {
    private static final byte VERSION = 1;

    private final Block embeddings;
    private final List<Block> blocks = new ArrayList<>();
    private final Block norm;
    private final Block pooling;

    /** @param projection P, or 0 for a model without projection */
    ClipTextTower(ClipTextConfig config, int projection, Precision precision) {
        super(VERSION);
        embeddings = addChildBlock("text_model.embeddings", new TokenPositions(config));
        for (int i = 0; i < config.depth(); i++) {
            blocks.add(addChildBlock("text_model.encoder.layers." + i, new ClipTextBlock(config, precision)));
        }
        norm = addChildBlock("text_model.final_layer_norm", new ClosingNorm(config));
        pooling = addChildBlock("", new Pooling(config, projection));
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        NDList x = embeddings.forward(store, new NDList(inputs.get(0)), training); // (N, T, D)
        for (Block block : blocks) {
            x = replaced(x, block.forward(store, x, training), training);
        }
        x = replaced(x, norm.forward(store, x, training), training);
        NDArray tokens = x.singletonOrThrow();
        NDArray pooled = pooling.forward(store, new NDList(tokens, inputs.get(1)), training)
                .singletonOrThrow(); // (N, P)
        return new NDList(tokens, pooled);
    }

    /** Without training nothing needs what a block was given once its result is there. */
    private static NDList replaced(NDList before, NDList after, boolean training) {
        if (!training) {
            before.close();
        }
        return after;
    }

    @Override
    protected void initializeChildBlocks(NDManager manager, DataType dataType, Shape... inputShapes) {
        embeddings.initialize(manager, dataType, inputShapes[0]);
        Shape[] tokens = embeddings.getOutputShapes(inputShapes);
        blocks.forEach(block -> block.initialize(manager, dataType, tokens));
        norm.initialize(manager, dataType, tokens);
        pooling.initialize(manager, dataType, tokens[0], inputShapes[1]);
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        Shape tokens = embeddings.getOutputShapes(inputShapes)[0];
        return new Shape[] {tokens, pooling.getOutputShapes(new Shape[] {tokens, inputShapes[1]})[0]};
    }

    /** {@code x + CausalAttention(LN(x))}, then {@code x + MLP(LN(x))}, on (N, T, D). */
    static final class ClipTextBlock extends ScriptedBlock {
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

    /** The norm behind the last block: (N, T, D) to (N, T, D). */
    static final class ClosingNorm extends ScriptedBlock {
        ClosingNorm(ClipTextConfig config) {
            super(ScriptFunction.of(ClosingNorm.class, "clip_text.py", "closing_norm")
                    .bind("eps", config.eps()));
            parameter("weight", new Shape(config.width()), Initializer.ONES);
            parameter("bias", new Shape(config.width()), Initializer.ZEROS);
        }
    }

    /** From ids (N, T), int64, to tokens with positions (N, T, D). */
    static final class TokenPositions extends ScriptedBlock {
        private static final ScriptFunction FUNCTION =
                ScriptFunction.of(TokenPositions.class, "clip_text.py", "embed_tokens");

        private final int width;

        TokenPositions(ClipTextConfig config) {
            super(FUNCTION);
            width = config.width();
            parameter("token_embedding.weight", new Shape(config.vocabulary(), width), Initializers.NORMAL_002);
            parameter("position_embedding.weight", new Shape(config.length(), width), Initializers.NORMAL_002);
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            return new Shape[] {inputShapes[0].add(width)};
        }
    }

    /** From tokens (N, T, D) and the place (N) of one of each caption, int64, to (N, P): that token, projected or not. */
    static final class Pooling extends ScriptedBlock {
        private static final ScriptFunction TAKE = ScriptFunction.of(Pooling.class, "clip_text.py", "token_at");
        private static final ScriptFunction PROJECT = ScriptFunction.of(Pooling.class, "clip_text.py", "projected");

        private final int projection;

        /** @param projection P, or 0 for a model without projection */
        Pooling(ClipTextConfig config, int projection) {
            super(PROJECT);
            this.projection = projection;
            if (projection > 0) {
                parameter("text_projection.weight", new Shape(projection, config.width()), Initializers.XAVIER_UNIFORM);
            }
        }

        /** The projection sees one token of each caption. */
        @Override
        protected void prepare(Shape[] inputShapes) {
            Shape tokens = inputShapes[0];
            super.prepare(new Shape[] {new Shape(tokens.get(0), tokens.get(2))});
        }

        @Override
        protected NDList forwardInternal(
                ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
            NDList token = TAKE.call(inputs.get(0), inputs.get(1)); // (N, D)
            return projection == 0 ? token : super.forwardInternal(store, token, training, params);
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            Shape tokens = inputShapes[0];
            return new Shape[] {new Shape(tokens.get(0), projection == 0 ? tokens.get(2) : projection)};
        }
    }
}
