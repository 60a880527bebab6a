package io.github.maskalign.encoders.vit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
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
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.script.ScriptExporter;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.encoders.vit.Vit.VitParts.Rotary;
import io.github.maskalign.encoders.vit.VitLayers.PoolingHead;
import io.github.maskalign.encoders.vit.VitLayers.RotaryAngles;
import io.github.maskalign.encoders.vit.VitLayers.TokenEmbedding;
import io.github.maskalign.encoders.vit.VitLayers.TokenNorm;
import io.github.maskalign.encoders.vit.VitLayers.TransformerBlock;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Vision transformer: the architecture of DINOv2, and with other {@link VitParts} that of DINO, MAE, MoCo v3, I-JEPA,
 * CLIP's vision tower, DINOv3, SigLIP 2, Perception Encoder and C-RADIO.
 *
 * <pre>
 * x = [cls; registers; Conv(image)] + positions,   x ← LN(x) in CLIP and Perception Encoder
 * x ← x + γ₁ Attention(LN(x)),  x ← x + γ₂ MLP(LN(x))     L times; queries and keys turned in DINOv3 and Perception Encoder
 * class token, patch tokens = LN(x), or x in MAE, CLIP and C-RADIO
 * class token = y + MLP(LN(y)), y = Attention(query, tokens), where the tokens have none but there is a pooling head
 * </pre>
 *
 * <p>Input: standardised pictures (N, 3, H, W), float32, H and W multiples of p; where their grid is not the
 * position table's, the table is resampled. Output: the class token (N, D), unless there is none, and the patch tokens
 * (N, T, D), row-major. Keys are those of DINOv2's weights, {@code mask_token} included, which nothing here uses;
 * {@code norm_pre} is the norm before the blocks, {@code rope_embed.periods} what the angles are divided by, and
 * {@code attn_pool} the pooling head. Source: DINOv2 (arXiv 2304.07193), ViT (arXiv 2010.11929), and for the rest the
 * classes of transformers and timm that the families name.
 */
public final class Vit extends AbstractBlock {
    private static final byte VERSION = 1;

    private final VitConfig config;
    private final Block embedding;
    private final @Nullable Block angles;
    private final @Nullable Block normBefore;
    private final List<TransformerBlock> blocks = new ArrayList<>();
    private final @Nullable Block normAfter;
    private final @Nullable Block pool;
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
        angles = parts.rotary() == Rotary.NONE ? null : addChildBlock("rope_embed", new RotaryAngles(config));
        normBefore = parts.normBefore() ? addChildBlock("norm_pre", new TokenNorm(config.width(), parts.eps())) : null;
        for (int i = 0; i < config.depth(); i++) {
            blocks.add(addChildBlock("blocks." + i, new TransformerBlock(config, precision)));
        }
        normAfter = parts.normAfter() ? addChildBlock("norm", new TokenNorm(config.width(), parts.eps())) : null;
        pool = parts.pooling().heads() == 0 ? null : addChildBlock("attn_pool", new PoolingHead(config, precision));
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

    /** Returns the tokens of the last block alone; see the other method. */
    public EncoderTokens tokens(ParameterStore store, NDArray image, List<Integer> attended) {
        return tokens(store, image, attended, 1);
    }

    /**
     * Returns the tokens and the attention of some blocks, which is computed for these alone.
     *
     * @param store where the parameters' arrays come from
     * @param image standardised pictures (N, 3, H, W), float32
     * @param attended blocks whose attention is wanted, from 1
     * @param last the tokens of so many blocks are joined, the last ones in their order, each behind the closing norm
     * @return tokens on the manager of {@code image}, with zeros for a class token that there is not
     * @throws IllegalArgumentException for another shape of pictures, or a block that there is not
     */
    public EncoderTokens tokens(ParameterStore store, NDArray image, List<Integer> attended, int last) {
        attention().require(attended);
        requireBlocks(last);
        Map<Integer, NDArray> attention = new LinkedHashMap<>();
        NDList out = forward(store, new NDList(image), false, attended, attention, last);
        NDArray patches = out.get(out.size() - 1);
        Shape shape = patches.getShape();
        NDArray classToken =
                out.size() == 2 ? out.get(0) : patches.getManager().zeros(new Shape(shape.get(0), shape.get(2)));
        return new EncoderTokens(classToken, patches, attention);
    }

    /** Refuses, with an {@code IllegalArgumentException} that says why, so many blocks whose tokens cannot be joined. */
    public void requireBlocks(int last) {
        if (last < 1 || last > config.depth()) {
            throw new IllegalArgumentException("the tokens of the last 1 to " + config.depth()
                    + " blocks, all that there are, can be joined, but " + last + " were asked for");
        }
        if (last > 1 && pool != null) {
            throw new IllegalArgumentException(
                    "the tokens of several blocks cannot be joined where a pooling head gives the class token");
        }
    }

    /** Returns of how many blocks and heads there is attention. */
    public AttentionSize attention() {
        return new AttentionSize(config.depth(), config.heads());
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        return forward(store, inputs, training, List.of(), new LinkedHashMap<>(), 1);
    }

    private NDList forward(
            ParameterStore store,
            NDList inputs,
            boolean training,
            List<Integer> attended,
            Map<Integer, NDArray> attention,
            int last) {
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
        NDList turned = angles == null ? new NDList() : angles.forward(store, inputs, training);
        NDList joined = new NDList();
        for (int i = 0; i < blocks.size(); i++) {
            NDList in = new NDList(x).addAll(turned);
            if (attended.contains(i + 1)) {
                attention.put(i + 1, blocks.get(i).attentionLogits(store, in));
            }
            x = blocks.get(i).forward(store, in, training);
            if (i >= blocks.size() - last) {
                joined.addAll(normAfter == null ? x : normAfter.forward(store, x, training));
            }
        }
        x = last == 1 ? joined : new NDList(NDArrays.concat(joined, 2)); // (N, 1 + R + T, last D)
        if (pool != null) {
            return pool.forward(store, x, training).addAll(x);
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
        Shape[] in = tokens;
        if (angles != null) {
            angles.initialize(manager, dataType, inputShapes);
            in = new Shape[] {tokens[0], angles.getOutputShapes(inputShapes)[0]};
        }
        for (Block block : blocks) {
            block.initialize(manager, dataType, in);
        }
        if (normAfter != null) {
            normAfter.initialize(manager, dataType, tokens);
        }
        if (pool != null) {
            pool.initialize(manager, dataType, tokens);
        }
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        Shape x = embedding.getOutputShapes(inputShapes)[0];
        Shape patches = new Shape(x.get(0), x.get(1) - config.parts().before(), x.get(2));
        return config.parts().hasClassToken()
                ? new Shape[] {new Shape(x.get(0), x.get(2)), patches}
                : new Shape[] {patches};
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
     * @param table which tokens have a place in the position table
     * @param rotary how attention turns queries and keys of patches by their places
     * @param pooling the pooling head that gives the class token where the tokens have none; {@link Pooling#NONE} without
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
            Positions positions,
            Table table,
            Rotary rotary,
            Pooling pooling) {

        /** Activation of the MLP. */
        public enum Activation {
            /** x Φ(x), exact. */
            GELU,
            /** x σ(1.702 x). */
            QUICK_GELU,
            /** SiLU(a) b, for the halves a and b of a first layer of twice the width. */
            SWIGLU,
            /** x Φ(x) by its approximation with tanh. */
            GELU_TANH
        }

        /** Rows of the position table. */
        public enum Table {
            /** One for the class token, if there is one, and one for each patch. */
            ALL,
            /** One for each patch alone. */
            PATCHES,
            /**
             * One for each patch; for another grid the table is resampled bilinearly to a square of its longer side, of which the
             * upper left corner is taken: C-RADIO's rule, in place of {@link VitParts#positions}.
             */
            CROPPED,
            /** No table. */
            NONE
        }

        /** Angles by which attention turns queries and keys of patches, along rows and columns. */
        public enum Rotary {
            /** None. */
            NONE,
            /** DINOv3's: 2π c / 100^(4 i / d) for centres c of patches in [-1, 1], numbers i and i + d / 2 as a pair. */
            CENTRES,
            /**
             * Perception Encoder's: s / 10000^(4 i / d) for places s counted in patches of the position table's grid, from 1 after
             * a class token and from 0 else, neighbours as a pair.
             */
            STEPS
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

        /**
         * A pooling head.
         *
         * @param heads attention heads; 0 for no pooling head
         * @param hidden width of its MLP's hidden layer
         */
        public record Pooling(int heads, int hidden) {
            /** No pooling head. */
            public static final Pooling NONE = new Pooling(0, 0);

            /** @throws IllegalArgumentException if there are heads and one number is below 1 */
            public Pooling {
                if (heads < 0 || (heads > 0 && hidden < 1)) {
                    throw new IllegalArgumentException(
                            "a pooling head must have heads and hidden of at least 1 but had " + heads + " and "
                                    + hidden);
                }
            }
        }

        /** DINOv2 without registers, with REPA's rule for the position table. */
        public static final VitParts DINOV2 =
                new VitParts(true, 0, true, Activation.GELU, true, false, true, true, 1e-6, Positions.ANTIALIAS);

        /** Without rotation and pooling head, and with a row of the position table for each token. */
        public VitParts(
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
            this(
                    classToken,
                    registers,
                    layerScale,
                    activation,
                    patchBias,
                    normBefore,
                    normAfter,
                    maskToken,
                    eps,
                    positions,
                    Table.ALL,
                    Rotary.NONE,
                    Pooling.NONE);
        }

        /** @throws IllegalArgumentException if a number is out of range or there are registers without class token */
        public VitParts {
            if (registers < 0 || (registers > 0 && !classToken)) {
                throw new IllegalArgumentException(
                        "registers must be at least 0, and 0 without class token, but were " + registers);
            }
            if (pooling.heads() > 0 && classToken) {
                throw new IllegalArgumentException("there must be no pooling head beside a class token");
            }
            if (!(eps > 0)) {
                throw new IllegalArgumentException("eps must be above 0 but was " + eps);
            }
        }

        /** Returns whether there is a class token, of the tokens' own or of a pooling head. */
        public boolean hasClassToken() {
            return classToken || pooling.heads() > 0;
        }

        /** Returns the tokens before the patches. */
        public int before() {
            return (classToken ? 1 : 0) + registers;
        }
    }
}
