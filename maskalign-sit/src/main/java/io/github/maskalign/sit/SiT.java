package io.github.maskalign.sit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import io.github.maskalign.core.align.ConvProjector;
import io.github.maskalign.core.align.Projector;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenMixer;
import io.github.maskalign.core.diffusion.DdpmLoss;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.nn.AdaLnZeroBlock;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.TokenRows;
import io.github.maskalign.core.nn.internal.BlockRunner;
import io.github.maskalign.core.nn.internal.Initializers;
import io.github.maskalign.core.nn.internal.RoundedWeights;
import io.github.maskalign.core.nn.internal.SinCosPositions;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.sit.MaskDecoder.PutBack;
import io.github.maskalign.sit.SiTConfig.AlignConfig;
import io.github.maskalign.sit.SiTOutput.Taps;
import io.github.maskalign.sit.SiTOutput.Wanted;
import io.github.maskalign.sit.SiTParts.ClassTokenEmbedder;
import io.github.maskalign.sit.SiTParts.FinalLayer;
import io.github.maskalign.sit.SiTParts.LabelEmbedder;
import io.github.maskalign.sit.SiTParts.PatchEmbed;
import io.github.maskalign.sit.SiTParts.TimestepEmbedder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Scalable interpolant transformer: predicts the velocity of a noised latent.
 *
 * <pre>
 * latent (+ class token) → patch embed + positions → token mixer → drop tokens → blocks → heads
 *                                                                       └ taps at align.depths → projectors
 * </pre>
 *
 * <p>With everything optional left out this is SiT (arXiv 2401.08740); with a projector REPA (arXiv 2410.06940), with
 * a class token REG, with mixer and subset MaskAlign (arXiv 2606.08788, section 4). Parameter keys are those of the
 * official checkpoints; the mixer's begin with {@code mixer.}. A fresh model predicts exactly 0. With process DDPM this is DiT
 * (arXiv 2212.09748): the time embedding takes the step n = 1000 t, and what stands for the velocity is noise and variance, 2C
 * channels.
 *
 * <p>As a DJL block it takes {@code (x, t, y)}, followed by the class token if the model has one, and optionally by
 * the kept indices (N, K) and by the mask of dropped labels (N), and returns {@link SiTOutput#toNDList()}. See {@link SiTInput} for shapes and ranges.
 * A path is dropped by {@link SiTInput} alone.
 */
public final class SiT extends AbstractBlock {
    private static final byte VERSION = 1;
    private static final ScriptFunction CONDITION_OF_EACH =
            ScriptFunction.of(AdaLnZeroBlock.class, "block.py", "condition_of_each");

    private final SiTConfig config;
    private final Parameter positions;
    private final @Nullable Parameter maskToken;
    private final PatchEmbed xEmbedder;
    private final TimestepEmbedder tEmbedder;
    private final LabelEmbedder yEmbedder;
    private final @Nullable ClassTokenEmbedder classEmbedder;
    private final @Nullable TokenMixer mixer;
    private final @Nullable SparsePath sparsePath;
    private final @Nullable MaskDecoder decoder;
    private final @Nullable LongSkips longSkips;
    private final List<AdaLnZeroBlock> blocks = new ArrayList<>();
    private final List<Block> projectors = new ArrayList<>();
    private final SelfTeacher.@Nullable Head selfHead;
    private final FinalLayer finalLayer;
    private final @Nullable LatentBatchNorm latentNorm;

    private final boolean rounds;
    private final int exactBlock; // number of the block that is float32 whatever the others are; -1 if there is none
    private @Nullable RoundedWeights roundedWeights;

    private final ScriptFunction dropLabels;
    private final ScriptFunction sharedCondition;
    private final TokenRows rows;
    private final ScriptFunction unpatchify;

    /** Creates a model in float32. */
    public SiT(SiTConfig config) {
        this(config, Precision.FLOAT32);
    }

    /** Creates a model; parameters get their arrays in {@code initialize}. */
    @SuppressWarnings("this-escape")
    public SiT(SiTConfig config, Precision precision) {
        super(VERSION);
        this.config = config;
        int width = config.model().hiddenSize();
        boolean cls = config.hasClassToken();
        boolean twice = config.subset().placement() == SubsetPlacement.MASKED_PASS;
        float[] table = SinCosPositions.table(width, config.grid(), cls ? 1 : 0);
        positions = addParameter(Parameter.builder()
                .setName("pos_embed")
                .setType(Parameter.Type.OTHER)
                .optShape(new Shape(1, table.length / width, width))
                .optInitializer(Initializers.constant(table))
                .optRequiresGrad(twice)
                .build());
        boolean sparse = config.subset().placement() == SubsetPlacement.SPARSE;
        maskToken = sparse || twice || config.subset().placement() == SubsetPlacement.DROP_REINSERT
                ? addParameter(Parameter.builder()
                        .setName("mask_token")
                        .setType(Parameter.Type.WEIGHT)
                        .optShape(new Shape(1, 1, config.headWidth()))
                        .optInitializer(Initializers.NORMAL_002)
                        .build())
                : null;
        xEmbedder = addChildBlock("x_embedder", new PatchEmbed(config, precision));
        tEmbedder = addChildBlock("t_embedder", new TimestepEmbedder(width, precision));
        int labels = config.model().numClasses() + (config.model().classDropoutProb() > 0 ? 1 : 0);
        yEmbedder = addChildBlock("y_embedder", new LabelEmbedder(labels, width));
        classEmbedder = cls ? addChildBlock("", new ClassTokenEmbedder(config, precision)) : null;
        mixer = config.mixer().layers() > 0
                ? addChildBlock(
                        "mixer",
                        new TokenMixer(config.mixer(), width, config.model().numHeads(), precision))
                : null;
        rounds = precision == Precision.BFLOAT16;
        exactBlock = config.subset().placement() == SubsetPlacement.ROUTE
                        && config.subset().route().float32AfterRoute()
                ? config.route().routeEnd() + 1
                : -1;
        for (int i = 0; i < config.model().depth() && !twice; i++) {
            blocks.add(addChildBlock(
                    "blocks." + i,
                    new AdaLnZeroBlock(
                            width,
                            config.model().numHeads(),
                            config.model().mlpRatio(),
                            config.model().qkNorm(),
                            i == exactBlock ? Precision.FLOAT32 : precision)));
        }
        sparsePath = sparse ? addChildBlock("renoise_linear", new SparsePath(config, precision)) : null;
        decoder = config.subset()
                .decoder()
                .map(made -> addChildBlock("", new MaskDecoder(config, made, precision)))
                .orElse(null);
        longSkips = twice ? addChildBlock("", new LongSkips(config, precision)) : null;
        for (int k = 0; k < config.encoderWidths().size(); k++) {
            projectors.add(addChildBlock("projectors." + k, projector(config, k, precision)));
        }
        selfHead = config.terms().selfAlign().isPresent()
                ? addChildBlock("ap_head", new SelfTeacher.Head(width, precision))
                : null;
        finalLayer = addChildBlock("final_layer", new FinalLayer(config, precision));
        latentNorm = config.terms()
                .endToEnd()
                .map(side -> addChildBlock("bn", new LatentBatchNorm(config.latentChannels(), side.momentum())))
                .orElse(null);

        dropLabels = ScriptFunction.of(SiT.class, "sit.py", "drop_labels").bind("null_label", config.nullLabel());
        sharedCondition = ScriptFunction.of(AdaLnZeroBlock.class, "block.py", "shared_condition")
                .bind("blocks", blocks.size());
        rows = new TokenRows(cls);
        unpatchify = ScriptFunction.of(SiT.class, "sit.py", "unpatchify")
                .bind("grid", config.grid())
                .bind("patch", config.model().patchSize())
                .bind("predicted", config.outChannels())
                .bind("channels", config.predictedChannels());
    }

    private static Block projector(SiTConfig config, int encoder, Precision precision) {
        int width = config.model().hiddenSize();
        int encoderWidth = config.encoderWidths().get(encoder);
        AlignConfig align = config.align();
        return switch (align.projector()) {
            case MLP -> new Projector(width, align.projectorDim(), encoderWidth, precision);
            case CONV -> new ConvProjector(width, encoderWidth, config.grid(), align.kernel(), precision);
        };
    }

    /** Returns what the model was built from. */
    public SiTConfig config() {
        return config;
    }

    /** Gives all parameters float32 arrays of this manager, drawn from the engine's seed ({@code Engine.setRandomSeed}). */
    public void initialize(NDManager manager) {
        int side = config.model().inputSize();
        Shape x = new Shape(1, config.model().inChannels(), side, side);
        Shape one = new Shape(1);
        initialize(
                manager,
                DataType.FLOAT32,
                config.hasClassToken()
                        ? new Shape[] {x, one, one, new Shape(1, config.classTokenWidth())}
                        : new Shape[] {x, one, one});
    }

    /**
     * Predicts velocities.
     *
     * @param store where the parameters' arrays come from
     * @param in the batch; results belong to the manager of its {@code x}
     * @param training whether labels may be dropped at random if {@code in} does not say which
     * @throws IllegalArgumentException if a shape or type is not that of the model, or an input is missing or too many
     */
    public SiTOutput forward(ParameterStore store, SiTInput in, boolean training) {
        return forward(store, in, training, BlockRunner.PLAIN, Wanted.NOTHING);
    }

    /**
     * Predicts velocities and hands out what was wanted from between the blocks.
     *
     * @param runner how the blocks of mixer, trunk and projectors are run
     * @param wanted taps of hidden tokens and attention
     */
    public SiTOutput forward(ParameterStore store, SiTInput in, boolean training, BlockRunner runner, Wanted wanted) {
        return forward(
                store, in, training, new Way(runner, wanted, in.x().getShape().get(0)));
    }

    /** Predicts as path-drop guidance asks: the second half of the samples does without the sparse blocks. */
    SiTOutput forwardHalf(ParameterStore store, SiTInput in) {
        return forward(
                store,
                in,
                false,
                new Way(BlockRunner.PLAIN, Wanted.NOTHING, in.x().getShape().get(0) / 2));
    }

    /** How a forward pass is run: through says how many samples, the first ones, go through the sparse blocks of SPARSE. */
    private record Way(BlockRunner runner, Wanted wanted, long through) {}

    private SiTOutput forward(ParameterStore store, SiTInput in, boolean training, Way way) {
        BlockRunner runner = way.runner;
        Wanted wanted = way.wanted;
        in.requireFits(config);
        NDArray keep = in.keep();
        NDList embedded = embed(store, in, training, runner);
        NDArray x = embedded.get(0); // (N, [1+]T, D)
        NDArray c = embedded.get(1); // (N, D)
        SubsetPlacement placement =
                keep == null ? SubsetPlacement.NONE : config.subset().placement();
        boolean dropsAtOnce = placement == SubsetPlacement.DROP || placement == SubsetPlacement.DROP_REINSERT;
        boolean routes = placement == SubsetPlacement.ROUTE;
        if (keep != null && dropsAtOnce) {
            x = rows.gather(x, keep); // (N, [1+]K, D)
        }
        if (mixer != null) {
            x = mixer.leave(store, training, x, runner);
        }
        NDArray[] projected = new NDArray[projectors.size()];
        Map<Integer, NDArray> hidden = new LinkedHashMap<>();
        Map<Integer, NDArray> attention = new LinkedHashMap<>();
        NDArray selfAligned = null;
        if (longSkips == null && wanted.hidden().contains(0)) {
            x = runner.join(x);
            hidden.put(0, x);
        }
        if (longSkips != null) {
            x = longSkips.forward(store, training, x, c, putBack(store, keep, training), runner, wanted, hidden);
        }
        NDArray bypass = x;
        NDArray all = c;
        NDList shared =
                rounds && longSkips == null && way.through == in.x().getShape().get(0)
                        ? shared(c, runner)
                        : new NDList();
        int dense =
                sparsePath == null ? blocks.size() : config.subset().sparse().dense();
        for (int i = 0; i < blocks.size(); i++) {
            if (sparsePath != null && i == dense) {
                bypass = runner.join(x);
                c = way.through == in.x().getShape().get(0) ? all : sparsePath.enter(all, way.through);
                x = sparsePath.enter(bypass, way.through);
                x = keep == null ? x : rows.gather(x, keep); // (N, [1+]K, D)
            }
            if (keep != null && routes && i == config.route().routeStart()) {
                bypass = runner.join(x);
                x = rows.gather(bypass, keep); // (N, [1+]K, D)
            }
            NDArray condition = shared.isEmpty() || i == exactBlock ? c : shared.get(i);
            if (wanted.attention().contains(i + 1)) {
                x = runner.join(x);
                attention.put(i + 1, blocks.get(i).attentionLogits(store, training, x, condition)); // (N, h, T, T)
            }
            x = runner.run(blocks.get(i), store, training, x, condition);
            if (wanted.hidden().contains(i + 1)) {
                x = runner.join(x);
                hidden.put(i + 1, x);
            }
            if (selfHead != null && wanted.selfAligned() && i + 1 == selfBlock()) {
                x = runner.join(x);
                selfAligned = runner.run(selfHead, store, training, x); // (N, T, D)
            }
            for (int k = 0; k < projected.length; k++) {
                if (i + 1 == config.align().depthOf(k)) {
                    x = runner.join(x);
                    projected[k] = runner.run(projectors.get(k), store, training, x); // (N, T, Z)
                }
            }
            if (keep != null && routes && i == config.route().routeEnd()) {
                x = rows.scatter(bypass, x, keep); // (N, T, D)
            }
            if (sparsePath != null && maskToken != null && i == blocks.size() - dense - 1) {
                NDArray fill = store.getValue(maskToken, x.getDevice(), training);
                c = all;
                x = sparsePath.join(store, training, x, bypass, keep, in.pathDropped(), fill); // (N, T, D)
            }
        }
        if (decoder != null) {
            x = decoder.forward(store, training, x, c, putBack(store, keep, training), runner); // (N, T, m)
        } else if (keep != null && placement == SubsetPlacement.DROP_REINSERT) {
            NDArray fill = store.getValue(maskToken, x.getDevice(), training);
            x = rows.reinsert(x, keep, fill, config.tokens() + (config.hasClassToken() ? 1 : 0)); // (N, T, D)
        }
        NDList heads = finalLayer.forward(store, new NDList(x, c), training);
        NDArray v = heads.get(0); // (N, T or K, p²C)
        if (placement != SubsetPlacement.DROP) {
            v = unpatchify.callForOne(v); // (N, C, H, W)
        }
        NDArray classVelocity = config.hasClassToken() ? heads.get(1) : null;
        return new SiTOutput(v, List.of(projected), classVelocity, new Taps(hidden, attention, selfAligned));
    }

    /** What takes the place of dropped tokens; null if none are. */
    private @Nullable PutBack putBack(ParameterStore store, @Nullable NDArray keep, boolean training) {
        return keep == null || maskToken == null
                ? null
                : new PutBack(keep, store.getValue(maskToken, keep.getDevice(), training));
    }

    /** Returns the condition as each block takes it, activated and rounded for all in one operation. */
    private NDList shared(NDArray c, BlockRunner runner) {
        return CONDITION_OF_EACH.call(runner.join(sharedCondition.callForOne(c)));
    }

    /** Returns where a training takes the weights of a bfloat16 model from, one for all of its objectives; null in float32. */
    @Nullable
    RoundedWeights roundedWeights() {
        if (rounds && roundedWeights == null) {
            roundedWeights = new RoundedWeights(this, positions.getArray().getManager());
        }
        return roundedWeights;
    }

    /** Returns tokens behind the mixer (N, [1+]T, D), and condition (N, D). */
    private NDList embed(ParameterStore store, SiTInput in, boolean training, BlockRunner runner) {
        NDArray pos = store.getValue(positions, in.x().getDevice(), training);
        NDArray t = config.process() == Process.DDPM ? DdpmLoss.steps(in.t()) : in.t();
        NDArray time = one(tEmbedder, store, training, t); // (N, D)
        NDArray c = runner.join(one(yEmbedder, store, training, labels(in, training), time)); // (N, D)
        NDArray x = one(xEmbedder, store, training, in.x(), pos); // (N, T, D)
        if (classEmbedder != null && in.classToken() != null) {
            x = one(classEmbedder, store, training, x, in.classToken(), pos); // (N, 1+T, D)
        }
        if (mixer != null) {
            x = mixer.mix(store, training, runner.join(x), c, runner);
        }
        return new NDList(x, c);
    }

    /**
     * Returns the hidden tokens behind a block, (N, [1+]T, D), of all tokens and in evaluation mode; nothing behind that
     * block is computed. To be called without recording: what comes before is freed on the way.
     *
     * @param block number of the block, from 1
     */
    NDArray hidden(ParameterStore store, SiTInput in, int block) {
        in.requireFits(config);
        NDList embedded = embed(store, in, false, BlockRunner.PLAIN);
        NDArray x = embedded.get(0);
        NDArray c = embedded.get(1);
        if (mixer != null) {
            x = mixer.leave(store, false, x, BlockRunner.PLAIN);
        }
        for (AdaLnZeroBlock next : blocks.subList(0, block)) {
            try (NDArray before = x) {
                x = one(next, store, false, before, c);
            }
        }
        return x;
    }

    /** Returns the norm of the latents of a model that is trained end to end; null for any other. */
    @Nullable
    LatentBatchNorm latentNorm() {
        return latentNorm;
    }

    /** Returns what the projectors make of the hidden tokens (N, T, Z) of all tokens; nothing behind the last tap is computed. */
    List<NDArray> projected(ParameterStore store, SiTInput in) {
        in.requireFits(config);
        NDList embedded = embed(store, in, false, BlockRunner.PLAIN);
        NDArray x = embedded.get(0);
        NDArray[] out = new NDArray[projectors.size()];
        int last = IntStream.range(0, out.length)
                .map(config.align()::depthOf)
                .max()
                .orElse(0);
        for (int i = 1; i <= last; i++) {
            x = one(blocks.get(i - 1), store, true, x, embedded.get(1));
            for (int k = 0; k < out.length; k++) {
                if (config.align().depthOf(k) == i) {
                    out[k] = one(projectors.get(k), store, true, x);
                }
            }
        }
        return List.of(out);
    }

    private int selfBlock() {
        return config.terms().selfAlign().map(LossTerms.SelfAlign::block).orElse(0);
    }

    private NDArray labels(SiTInput in, boolean training) {
        NDArray dropped = in.dropped();
        if (dropped == null && training && config.model().classDropoutProb() > 0) {
            NDManager manager = in.x().getManager();
            dropped = manager.randomUniform(0, 1, in.y().getShape())
                    .lt(config.model().classDropoutProb())
                    .toType(DataType.FLOAT32, false);
        }
        return dropped == null ? in.y() : dropLabels.callForOne(in.y(), dropped);
    }

    private static NDArray one(Block block, ParameterStore store, boolean training, NDArray... inputs) {
        return block.forward(store, new NDList(inputs), training).singletonOrThrow();
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        int next = config.hasClassToken() ? 4 : 3;
        if (inputs.size() < next || inputs.size() > next + 2) {
            throw new IllegalArgumentException(
                    "this model takes x, t, y" + (config.hasClassToken() ? ", classToken" : "")
                            + " and, if patches are dropped, keep, and dropped: " + next + " to " + (next + 2)
                            + " arrays, but was given " + inputs.size());
        }
        NDArray keep = null;
        NDArray dropped = null;
        for (NDArray extra : inputs.subNDList(next)) {
            if (extra.getShape().dimension() == 1) {
                dropped = extra; // (N)
            } else {
                keep = extra; // (N, K)
            }
        }
        SiTInput in = new SiTInput(
                inputs.get(0),
                inputs.get(1),
                inputs.get(2),
                config.hasClassToken() ? inputs.get(3) : null,
                keep,
                dropped,
                null);
        return forward(store, in, training).toNDList();
    }

    @Override
    protected void initializeChildBlocks(NDManager manager, DataType dataType, Shape... inputShapes) {
        Shape x = inputShapes[0];
        long n = x.get(0);
        int width = config.model().hiddenSize();
        Shape c = new Shape(n, width);
        Shape pos = new Shape(1, config.tokens(), width);
        Shape patches = new Shape(n, config.tokens(), width);
        Shape tokens = new Shape(n, config.tokens() + (config.hasClassToken() ? 1 : 0), width);
        xEmbedder.initialize(manager, dataType, x, pos);
        tEmbedder.initialize(manager, dataType, new Shape(n));
        yEmbedder.initialize(manager, dataType, new Shape(n), c);
        if (classEmbedder != null) {
            classEmbedder.initialize(manager, dataType, patches, new Shape(n, config.classTokenWidth()), pos);
        }
        if (mixer != null) {
            mixer.initialize(manager, dataType, tokens, c);
        }
        blocks.forEach(block -> block.initialize(manager, dataType, tokens, c));
        if (sparsePath != null) {
            sparsePath.initialize(manager, dataType, tokens, tokens);
        }
        projectors.forEach(projector -> projector.initialize(manager, dataType, tokens));
        if (selfHead != null) {
            selfHead.initialize(manager, dataType, tokens);
        }
        if (longSkips != null) {
            longSkips.initialize(manager, dataType, patches, c);
        }
        if (decoder != null) {
            decoder.initialize(manager, dataType, tokens, c);
        }
        Shape last = new Shape(n, tokens.get(1), config.headWidth());
        finalLayer.initialize(manager, dataType, last, c);
        if (latentNorm != null) {
            latentNorm.initialize(manager, dataType, x);
        }
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        long n = inputShapes[0].get(0);
        int next = config.hasClassToken() ? 4 : 3;
        boolean subset = inputShapes.length > next && inputShapes[next].dimension() == 2;
        SubsetPlacement placement = subset ? config.subset().placement() : SubsetPlacement.NONE;
        long kept = subset ? inputShapes[next].get(1) : config.tokens();
        long side = config.model().inputSize();
        long patchValues = (long) config.model().patchSize() * config.model().patchSize() * config.predictedChannels();
        List<Shape> out = new ArrayList<>();
        out.add(
                placement == SubsetPlacement.DROP
                        ? new Shape(n, kept, patchValues)
                        : new Shape(n, config.predictedChannels(), side, side));
        if (config.hasClassToken()) {
            out.add(new Shape(n, config.classTokenWidth()));
        }
        for (int k = 0; k < projectors.size(); k++) {
            boolean away = subset && config.alignsSubset(k) && placement != SubsetPlacement.LOSS_ONLY;
            long tapped = (away ? kept : config.tokens()) + (config.hasClassToken() ? 1 : 0);
            out.add(new Shape(n, tapped, config.encoderWidths().get(k)));
        }
        return out.toArray(Shape[]::new);
    }
}
