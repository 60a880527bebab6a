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
import ai.djl.training.initializer.Initializer;
import ai.djl.util.PairList;
import io.github.maskalign.core.align.ConvProjector;
import io.github.maskalign.core.align.Projector;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenMixer;
import io.github.maskalign.core.nn.AdaLnZeroBlock;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.nn.TokenRows;
import io.github.maskalign.core.nn.internal.BlockRunner;
import io.github.maskalign.core.nn.internal.Initializers;
import io.github.maskalign.core.nn.internal.SinCosPositions;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.sit.SiTConfig.AlignConfig;
import io.github.maskalign.sit.SiTOutput.Taps;
import io.github.maskalign.sit.SiTOutput.Wanted;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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
 * official checkpoints; the mixer's begin with {@code mixer.}. A fresh model predicts exactly 0.
 *
 * <p>As a DJL block it takes {@code (x, t, y)}, followed by the class token if the model has one, and optionally by
 * the kept indices (N, K) and by the mask of dropped labels (N), and returns {@link SiTOutput#toNDList()}. See {@link SiTInput} for shapes and ranges.
 */
public final class SiT extends AbstractBlock {
    private static final byte VERSION = 1;

    private final SiTConfig config;
    private final Parameter positions;
    private final @Nullable Parameter maskToken;
    private final PatchEmbed xEmbedder;
    private final TimestepEmbedder tEmbedder;
    private final LabelEmbedder yEmbedder;
    private final @Nullable ClassTokenEmbedder classEmbedder;
    private final @Nullable TokenMixer mixer;
    private final List<AdaLnZeroBlock> blocks = new ArrayList<>();
    private final List<Block> projectors = new ArrayList<>();
    private final FinalLayer finalLayer;

    private final ScriptFunction dropLabels;
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
        float[] table = SinCosPositions.table(width, config.grid(), cls ? 1 : 0);
        positions = addParameter(Parameter.builder()
                .setName("pos_embed")
                .setType(Parameter.Type.OTHER)
                .optShape(new Shape(1, table.length / width, width))
                .optInitializer(Initializers.constant(table))
                .optRequiresGrad(false)
                .build());
        maskToken = config.subset().placement() == SubsetPlacement.DROP_REINSERT
                ? addParameter(Parameter.builder()
                        .setName("mask_token")
                        .setType(Parameter.Type.WEIGHT)
                        .optShape(new Shape(1, 1, width))
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
        for (int i = 0; i < config.model().depth(); i++) {
            blocks.add(addChildBlock(
                    "blocks." + i,
                    new AdaLnZeroBlock(
                            width,
                            config.model().numHeads(),
                            config.model().mlpRatio(),
                            config.model().qkNorm(),
                            precision)));
        }
        for (int k = 0; k < config.encoderWidths().size(); k++) {
            projectors.add(addChildBlock("projectors." + k, projector(config, k, precision)));
        }
        finalLayer = addChildBlock("final_layer", new FinalLayer(config, precision));

        dropLabels = ScriptFunction.of(SiT.class, "sit.py", "drop_labels").bind("null_label", config.nullLabel());
        rows = new TokenRows(cls);
        unpatchify = ScriptFunction.of(SiT.class, "sit.py", "unpatchify")
                .bind("grid", config.grid())
                .bind("patch", config.model().patchSize())
                .bind("predicted", config.outChannels())
                .bind("channels", config.model().inChannels());
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
        in.requireFits(config);
        NDArray keep = in.keep();
        NDArray pos = store.getValue(positions, in.x().getDevice(), training);
        NDArray time = one(tEmbedder, store, training, in.t()); // (N, D)
        NDArray c = runner.join(one(yEmbedder, store, training, labels(in, training), time)); // (N, D)
        NDArray x = one(xEmbedder, store, training, in.x(), pos); // (N, T, D)
        if (classEmbedder != null && in.classToken() != null) {
            x = one(classEmbedder, store, training, x, in.classToken(), pos); // (N, 1+T, D)
        }
        if (mixer != null) {
            x = mixer.forward(store, training, runner.join(x), c, runner);
        }
        SubsetPlacement placement =
                keep == null ? SubsetPlacement.NONE : config.subset().placement();
        boolean dropsAtOnce = placement == SubsetPlacement.DROP || placement == SubsetPlacement.DROP_REINSERT;
        boolean routes = placement == SubsetPlacement.ROUTE;
        if (keep != null && dropsAtOnce) {
            x = rows.gather(x, keep); // (N, [1+]K, D)
        }
        NDArray[] projected = new NDArray[projectors.size()];
        Map<Integer, NDArray> hidden = new LinkedHashMap<>();
        Map<Integer, NDArray> attention = new LinkedHashMap<>();
        if (wanted.hidden().contains(0)) {
            x = runner.join(x);
            hidden.put(0, x);
        }
        NDArray bypass = x;
        for (int i = 0; i < blocks.size(); i++) {
            if (keep != null && routes && i == config.route().routeStart()) {
                bypass = runner.join(x);
                x = rows.gather(bypass, keep); // (N, [1+]K, D)
            }
            if (wanted.attention().contains(i + 1)) {
                x = runner.join(x);
                attention.put(i + 1, blocks.get(i).attentionLogits(store, training, x, c)); // (N, h, T, T)
            }
            x = runner.run(blocks.get(i), store, training, x, c);
            if (wanted.hidden().contains(i + 1)) {
                x = runner.join(x);
                hidden.put(i + 1, x);
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
        }
        if (keep != null && placement == SubsetPlacement.DROP_REINSERT) {
            NDArray fill = store.getValue(maskToken, x.getDevice(), training);
            x = rows.reinsert(x, keep, fill, config.tokens() + (config.hasClassToken() ? 1 : 0)); // (N, T, D)
        }
        NDList heads = finalLayer.forward(store, new NDList(x, c), training);
        NDArray v = heads.get(0); // (N, T or K, p²C)
        if (placement != SubsetPlacement.DROP) {
            v = unpatchify.callForOne(v); // (N, C, H, W)
        }
        NDArray classVelocity = config.hasClassToken() ? heads.get(1) : null;
        return new SiTOutput(v, List.of(projected), classVelocity, new Taps(hidden, attention));
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
                dropped);
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
        projectors.forEach(projector -> projector.initialize(manager, dataType, tokens));
        finalLayer.initialize(manager, dataType, tokens, c);
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        long n = inputShapes[0].get(0);
        int next = config.hasClassToken() ? 4 : 3;
        boolean subset = inputShapes.length > next && inputShapes[next].dimension() == 2;
        SubsetPlacement placement = subset ? config.subset().placement() : SubsetPlacement.NONE;
        long kept = subset ? inputShapes[next].get(1) : config.tokens();
        long side = config.model().inputSize();
        long patchValues = (long) config.model().patchSize()
                * config.model().patchSize()
                * config.model().inChannels();
        List<Shape> out = new ArrayList<>();
        out.add(
                placement == SubsetPlacement.DROP
                        ? new Shape(n, kept, patchValues)
                        : new Shape(n, config.model().inChannels(), side, side));
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

    /** Cuts (N, C, H, W) into patches, row-major, and adds the position table: (N, T, D). */
    static final class PatchEmbed extends ScriptedBlock {
        private final int width;
        private final int patch;

        PatchEmbed(SiTConfig config, Precision precision) {
            super(ScriptFunction.of(PatchEmbed.class, "sit.py", "patch_embed")
                    .bind("patch", config.model().patchSize())
                    .bind("bf16", precision == Precision.BFLOAT16));
            width = config.model().hiddenSize();
            patch = config.model().patchSize();
            parameter(
                    "proj.weight",
                    new Shape(width, config.model().inChannels(), patch, patch),
                    Initializers.XAVIER_UNIFORM);
            parameter("proj.bias", new Shape(width), Initializer.ZEROS);
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            Shape x = inputShapes[0];
            return new Shape[] {new Shape(x.get(0), x.get(2) / patch * (x.get(3) / patch), width)};
        }
    }

    /** t (N) in [0, 1] through 256 sine-cosine features and a two-layer MLP: (N, D). */
    static final class TimestepEmbedder extends ScriptedBlock {
        private static final int FEATURES = 256;

        private final int width;

        TimestepEmbedder(int width, Precision precision) {
            super(ScriptFunction.of(TimestepEmbedder.class, "sit.py", "timestep_embedder")
                    .bind("bf16", precision == Precision.BFLOAT16));
            this.width = width;
            normalLinear("mlp.0", FEATURES);
            normalLinear("mlp.2", width);
        }

        private void normalLinear(String name, int in) {
            parameter(name + ".weight", new Shape(width, in), Initializers.NORMAL_002);
            parameter(name + ".bias", new Shape(width), Initializer.ZEROS);
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            return new Shape[] {new Shape(inputShapes[0].get(0), width)};
        }
    }

    /** Adds the row of label y (N) to the time embedding (N, D): the condition c (N, D). */
    static final class LabelEmbedder extends ScriptedBlock {
        LabelEmbedder(int rows, int width) {
            super(ScriptFunction.of(LabelEmbedder.class, "sit.py", "condition"));
            parameter("embedding_table.weight", new Shape(rows, width), Initializers.NORMAL_002);
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            return new Shape[] {inputShapes[1]};
        }
    }

    /**
     * Puts the noised class token (N, Z) in front of the patches (N, T, D): LayerNorm(Linear(cls)), REG section 3. Its
     * parameters stand at the top of the official state dict, so this child has no name of its own.
     */
    static final class ClassTokenEmbedder extends ScriptedBlock {
        ClassTokenEmbedder(SiTConfig config, Precision precision) {
            super(ScriptFunction.of(ClassTokenEmbedder.class, "sit.py", "prepend_class_token")
                    .bind("bf16", precision == Precision.BFLOAT16));
            int width = config.model().hiddenSize();
            linear("cls_projectors2", config.classTokenWidth(), width);
            norm("wg_norm", width);
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            Shape tokens = inputShapes[0];
            return new Shape[] {new Shape(tokens.get(0), tokens.get(1) + 1, tokens.get(2))};
        }
    }

    /** Modulated norm and linear heads: patches (N, T, p²·C_out) and, with a class token, its velocity (N, Z). */
    static final class FinalLayer extends ScriptedBlock {
        private final long rows;
        private final int classTokenWidth;

        FinalLayer(SiTConfig config, Precision precision) {
            super(ScriptFunction.of(FinalLayer.class, "sit.py", "final_layer")
                    .bind("bf16", precision == Precision.BFLOAT16));
            int width = config.model().hiddenSize();
            rows = (long) config.model().patchSize() * config.model().patchSize() * config.outChannels();
            classTokenWidth = config.classTokenWidth();
            zeroLinear("linear", width, rows);
            if (classTokenWidth > 0) {
                zeroLinear("linear_cls", width, classTokenWidth);
            }
            zeroLinear("adaLN_modulation.1", width, 2L * width);
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            long n = inputShapes[0].get(0);
            long tokens = inputShapes[0].get(1);
            return classTokenWidth > 0
                    ? new Shape[] {new Shape(n, tokens - 1, rows), new Shape(n, classTokenWidth)}
                    : new Shape[] {new Shape(n, tokens, rows)};
        }
    }
}
