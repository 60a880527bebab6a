package io.github.maskalign.sit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.TokenRows;
import io.github.maskalign.core.nn.internal.BlockRunner;
import io.github.maskalign.core.nn.internal.Initializers;
import io.github.maskalign.core.nn.internal.SinCosPositions;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.sit.MaskDecoder.PutBack;
import io.github.maskalign.sit.SiTOutput.Wanted;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The blocks of a model with placement MASKED_PASS: MDTv2 (arXiv 2303.14389), an encoder whose blocks are joined by long skips,
 * and a decoder. With L blocks of which the last {@code dense} decode, and m = (L − dense) / 2:
 *
 * <pre>
 *   S_0 = X                                     (N, T, D)
 *   X = gather(X, keep)                         (N, K, D), where tokens are dropped
 *   S_i = X = en_inblocks[i − 1](X)             i = 1..m
 *   X = en_outblocks[m − i](X, skip S_i)        i = m..1
 *   X = scatter(mask token, keep, X)            (N, T, D), where tokens are dropped
 *   X = X + decoder positions
 *   X = sideblocks[0](X) at dropped places      the side-interpolater, where tokens are dropped
 *   X = de_blocks[j](X, skip S_0)               dense times
 * </pre>
 *
 * <p>Keys are those of sail-sg/MDT; the learned token {@code mask_token} is the model's. Its buffers {@code
 * relative_position_index} are computed instead of kept. Inputs: tokens (N, T, D) and condition (N, D). Output: (N, T, D).
 */
final class LongSkips extends AbstractBlock {
    private static final byte VERSION = 1;

    private final int tokens;
    private final int width;
    private final Parameter positions;
    private final List<SkipBlock> in = new ArrayList<>();
    private final List<SkipBlock> out = new ArrayList<>();
    private final List<SkipBlock> decoder = new ArrayList<>();
    private final SkipBlock side;
    private final TokenRows rows = new TokenRows(false);
    private final ScriptFunction addPositions = ScriptFunction.of(LongSkips.class, "sit.py", "add_positions");
    private final ScriptFunction apart = ScriptFunction.of(LongSkips.class, "sit.py", "apart");
    private final ScriptFunction fillIn = ScriptFunction.of(LongSkips.class, "skips.py", "fill_in");
    private final ScriptFunction pairs;
    private final ScriptFunction allPairs;

    LongSkips(SiTConfig config, Precision precision) {
        super(VERSION);
        SiTConfig.ModelConfig model = config.model();
        tokens = config.tokens();
        width = model.hiddenSize();
        pairs = ScriptFunction.of(LongSkips.class, "skips.py", "pairs").bind("grid", config.grid());
        allPairs = ScriptFunction.of(LongSkips.class, "skips.py", "all_pairs").bind("grid", config.grid());
        positions = addParameter(Parameter.builder()
                .setName("decoder_pos_embed")
                .setType(Parameter.Type.WEIGHT)
                .optShape(new Shape(1, tokens, width))
                .optInitializer(Initializers.constant(SinCosPositions.table(width, config.grid(), 0)))
                .build());
        int last = config.subset().sparse().dense();
        int half = (model.depth() - last) / 2;
        add(in, "en_inblocks.", half, model, false, precision);
        add(out, "en_outblocks.", half, model, true, precision);
        add(decoder, "de_blocks.", last, model, true, precision);
        side = addChildBlock("sideblocks.0", new SkipBlock(model, false, precision));
    }

    private void add(
            List<SkipBlock> list,
            String name,
            int count,
            SiTConfig.ModelConfig model,
            boolean skip,
            Precision precision) {
        for (int i = 0; i < count; i++) {
            list.add(addChildBlock(name + i, new SkipBlock(model, skip, precision)));
        }
    }

    /**
     * Runs all blocks.
     *
     * @param store where the parameters' arrays come from
     * @param training passed on to the store
     * @param x tokens (N, T, D)
     * @param c condition (N, D), a join of the runner
     * @param back what is kept, and what takes the place of the others; null keeps all
     * @param runner how the blocks are run
     * @param wanted blocks whose hidden tokens are wanted, counted from 1 in the order in which they run; 0 is x; no attention
     * @param hidden takes these: kept tokens alone in the encoder
     * @return (N, T, D)
     */
    NDArray forward(
            ParameterStore store,
            boolean training,
            NDArray x,
            NDArray c,
            @Nullable PutBack back,
            BlockRunner runner,
            Wanted wanted,
            Map<Integer, NDArray> hidden) {
        if (!wanted.attention().isEmpty()) {
            throw new IllegalArgumentException("attention of blocks " + wanted.attention()
                    + " was asked for, but blocks of placement MASKED_PASS do not hand it out");
        }
        Taps taps = new Taps(runner, wanted.hidden(), hidden);
        NDArray all = allPairs.callForOne(x); // (1, T T)
        NDArray some = back == null ? all : pairs.callForOne(back.keep()); // (N, K K)
        NDArray start = runner.join(x);
        taps.behind(0, start);
        NDArray h = back == null ? apart.callForOne(start) : rows.gather(start, back.keep()); // (N, K, D)
        Deque<NDArray> skips = new ArrayDeque<>();
        int number = 0;
        for (SkipBlock block : in) {
            NDArray skip = runner.join(runner.run(block, store, training, h, c, some));
            taps.behind(++number, skip);
            skips.push(skip);
            h = apart.callForOne(skip);
        }
        for (SkipBlock block : out) {
            h = runner.run(block, store, training, h, c, skips.pop(), some);
            h = taps.behind(++number, h);
        }
        if (back != null) {
            h = rows.reinsert(h, back.keep(), back.fill(), tokens); // (N, T, D)
        }
        h = addPositions.callForOne(h, store.getValue(positions, h.getDevice(), training));
        if (back != null) {
            NDArray before = runner.join(h);
            NDArray guessed = runner.run(side, store, training, apart.callForOne(before), c, all);
            h = fillIn.callForOne(before, guessed, back.keep());
        }
        for (SkipBlock block : decoder) {
            h = runner.run(block, store, training, h, c, start, all);
            h = taps.behind(++number, h);
        }
        return h;
    }

    /** Hands out hidden tokens. */
    private record Taps(BlockRunner runner, Set<Integer> wanted, Map<Integer, NDArray> hidden) {
        NDArray behind(int block, NDArray x) {
            if (!wanted.contains(block)) {
                return x;
            }
            NDArray joined = runner.join(x);
            hidden.put(block, joined);
            return joined;
        }
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        NDArray x = inputs.get(0);
        return new NDList(
                forward(store, training, x, inputs.get(1), null, BlockRunner.PLAIN, Wanted.NOTHING, Map.of()));
    }

    @Override
    protected void initializeChildBlocks(NDManager manager, DataType dataType, Shape... inputShapes) {
        Shape x = inputShapes[0];
        Shape c = inputShapes[1];
        Shape places = new Shape(1, (long) tokens * tokens);
        in.forEach(block -> block.initialize(manager, dataType, x, c, places));
        out.forEach(block -> block.initialize(manager, dataType, x, c, x, places));
        decoder.forEach(block -> block.initialize(manager, dataType, x, c, x, places));
        side.initialize(manager, dataType, x, c, places);
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return new Shape[] {inputShapes[0]};
    }
}
