package io.github.maskalign.sit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import ai.djl.util.PairList;
import io.github.maskalign.core.align.SubsetConfig.Decoder;
import io.github.maskalign.core.nn.AdaLnZeroBlock;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.nn.TokenRows;
import io.github.maskalign.core.nn.internal.BlockRunner;
import io.github.maskalign.core.nn.internal.Initializers;
import io.github.maskalign.core.nn.internal.SinCosPositions;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * MaskDiT's decoder (arXiv 2306.09305), which sees all tokens again; see {@link Decoder}. Keys are those of the official code:
 * {@code decoder_layer.linear}, {@code decoder_layer.adaLN_modulation.1}, {@code decoder_blocks.i} and {@code
 * decoder_pos_embed}; the learned token {@code mask_token} is the model's. Its blocks have the model's MLP ratio and norms of
 * q and k. Official checkpoints do not load: their labels go through a linear map without a row for "no class".
 *
 * <p>Inputs: tokens (N, [1+]T, D) and condition (N, D). Output: (N, [1+]T, m).
 */
final class MaskDecoder extends AbstractBlock {
    private static final byte VERSION = 1;

    private final int width;
    private final int condition;
    private final int tokens;
    private final Parameter positions;
    private final DecoderLayer layer;
    private final List<AdaLnZeroBlock> blocks = new ArrayList<>();
    private final TokenRows rows;
    private final ScriptFunction addPositions = ScriptFunction.of(MaskDecoder.class, "sit.py", "add_positions");

    MaskDecoder(SiTConfig config, Decoder decoder, Precision precision) {
        super(VERSION);
        width = decoder.width();
        condition = config.model().hiddenSize();
        int extra = config.hasClassToken() ? 1 : 0;
        tokens = config.tokens() + extra;
        rows = new TokenRows(config.hasClassToken());
        positions = addParameter(Parameter.builder()
                .setName("decoder_pos_embed")
                .setType(Parameter.Type.OTHER)
                .optShape(new Shape(1, tokens, width))
                .optInitializer(Initializers.constant(SinCosPositions.table(width, config.grid(), extra)))
                .optRequiresGrad(false)
                .build());
        layer = addChildBlock("decoder_layer", new DecoderLayer(condition, width, precision));
        AdaLnZeroBlock.Size size = new AdaLnZeroBlock.Size(
                width,
                condition,
                decoder.heads(),
                config.model().mlpRatio(),
                config.model().qkNorm());
        for (int i = 0; i < decoder.layers(); i++) {
            blocks.add(addChildBlock("decoder_blocks." + i, new AdaLnZeroBlock(size, Initializer.ZEROS, precision)));
        }
    }

    /**
     * Puts dropped tokens back and decodes.
     *
     * @param store where the parameters' arrays come from
     * @param training whether the model is trained
     * @param x kept tokens (N, [1+]K, D), or all of them
     * @param c condition (N, D), a join of the runner
     * @param back what was kept, and what takes the place of the others
     * @param runner how the blocks are run
     * @return (N, [1+]T, m)
     */
    NDArray forward(
            ParameterStore store, boolean training, NDArray x, NDArray c, @Nullable PutBack back, BlockRunner runner) {
        NDArray h = runner.run(layer, store, training, x, c); // (N, [1+]K, m)
        if (back != null) {
            h = rows.reinsert(h, back.keep, back.fill, tokens); // (N, [1+]T, m)
        }
        h = addPositions.callForOne(h, store.getValue(positions, h.getDevice(), training));
        for (AdaLnZeroBlock block : blocks) {
            h = runner.run(block, store, training, h, c);
        }
        return h;
    }

    /** Places of kept tokens (N, K), and the learned token (1, 1, m) for the others. */
    record PutBack(NDArray keep, NDArray fill) {}

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        return new NDList(forward(store, training, inputs.get(0), inputs.get(1), null, BlockRunner.PLAIN));
    }

    @Override
    protected void initializeChildBlocks(NDManager manager, DataType dataType, Shape... inputShapes) {
        long n = inputShapes[0].get(0);
        Shape c = new Shape(n, condition);
        layer.initialize(manager, dataType, inputShapes[0], c);
        blocks.forEach(block -> block.initialize(manager, dataType, new Shape(n, tokens, width), c));
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return new Shape[] {new Shape(inputShapes[0].get(0), tokens, width)};
    }

    /** Modulated norm and a linear map that starts at zero: (N, T, D) → (N, T, m). */
    static final class DecoderLayer extends ScriptedBlock {
        private final int out;

        DecoderLayer(int in, int out, Precision precision) {
            super(ScriptFunction.of(DecoderLayer.class, "sit.py", "decoder_layer")
                    .bind("bf16", precision == Precision.BFLOAT16));
            this.out = out;
            zeroLinear("linear", in, out);
            zeroLinear("adaLN_modulation.1", in, 2L * in);
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            return new Shape[] {new Shape(inputShapes[0].get(0), inputShapes[0].get(1), out)};
        }
    }
}
