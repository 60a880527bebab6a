package io.github.maskalign.core.align;

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
import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.nn.AdaLnZeroBlock;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.nn.internal.BlockRunner;
import io.github.maskalign.core.nn.internal.Initializers;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The pre-mask token-mixing block: a few transformer layers over all tokens, before some are dropped, so that
 * the kept tokens carry what the dropped ones knew.
 *
 * <p>{@code H̄ = M_ψ(H, t, y)} (MaskAlign, eq. 7), conditioned through the model's own {@code c = time + label}.
 * If its width m differs from D, {@code H̄ = H + W_out layers(W_in H)} with W_out starting at zero, or as {@link
 * MixerConfig.Bottleneck} says. The mixer is part of the network and stays on when sampling. Keys: {@code 0.attn.qkv.weight}, ...,
 * {@code down.weight}, {@code up.weight}; with norms {@code down.0.weight} and {@code down.1.weight}.
 *
 * <p>Inputs: tokens (N, T, D) and c (N, D). Output: (N, T, D).
 */
public final class TokenMixer extends AbstractBlock {
    private static final byte VERSION = 1;

    private final int conditionWidth;
    private final int layerWidth;
    private final boolean conditioned;
    private final List<Block> layers = new ArrayList<>();
    private final @Nullable Block down;
    private final @Nullable Block up;
    private final boolean adds;

    /**
     * Creates a mixer.
     *
     * @param config its shape; needs at least one layer
     * @param width the model's token width D
     * @param modelHeads heads used if the config names none
     * @param precision arithmetic of the matrix products
     * @throws IllegalArgumentException if there is no layer or the heads do not divide the width
     */
    public TokenMixer(MixerConfig config, int width, int modelHeads, Precision precision) {
        super(VERSION);
        if (config.layers() < 1) {
            throw new IllegalArgumentException("a token mixer needs at least one layer");
        }
        conditionWidth = width;
        layerWidth = config.width() == 0 ? width : config.width();
        conditioned = config.conditioning() != MixerConfig.Conditioning.NONE;
        int heads = config.heads() == 0 ? modelHeads : config.heads();
        Initializer modulation = config.conditioning() == MixerConfig.Conditioning.ADALN_PLAIN_INIT
                ? Initializers.XAVIER_UNIFORM
                : Initializer.ZEROS;
        for (int i = 0; i < config.layers(); i++) {
            Block layer = conditioned
                    ? new AdaLnZeroBlock(
                            new AdaLnZeroBlock.Size(layerWidth, width, heads, config.mlpRatio(), false),
                            modulation,
                            precision)
                    : new PreNormBlock(layerWidth, heads, config.mlpRatio(), precision);
            layers.add(addChildBlock(Integer.toString(i), layer));
        }
        boolean bottleneck = layerWidth != width;
        adds = config.bottleneck() == MixerConfig.Bottleneck.RESIDUAL;
        if (!bottleneck) {
            down = null;
            up = null;
        } else if (adds) {
            down = addChildBlock("down", WidthChange.down(width, layerWidth, precision));
            up = addChildBlock("up", WidthChange.up(layerWidth, width, precision));
        } else {
            down = addChildBlock("down", new NormedChange(width, layerWidth, precision));
            up = addChildBlock("up", new NormedChange(layerWidth, width, precision));
        }
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        if (inputs.size() != 2) {
            throw new IllegalArgumentException("TokenMixer takes tokens (N, T, D) and a condition (N, D) but was given "
                    + inputs.size() + " inputs");
        }
        return new NDList(forward(store, training, inputs.get(0), inputs.get(1), BlockRunner.PLAIN));
    }

    /**
     * Mixes tokens.
     *
     * @param store where the parameters' arrays come from
     * @param training whether the model is trained
     * @param tokens (N, T, D)
     * @param c condition (N, D)
     * @param runner how the layers are run; the arguments are joins of it
     * @return (N, T, D)
     */
    public NDArray forward(ParameterStore store, boolean training, NDArray tokens, NDArray c, BlockRunner runner) {
        return leave(store, training, mix(store, training, tokens, c, runner), runner);
    }

    /**
     * Mixes tokens, and with {@link MixerConfig.Bottleneck#NORMALISED} leaves them at the mixer's width, so that {@link #leave}
     * has only those to widen that are kept. The arguments are those of {@link #forward}.
     *
     * @return (N, T, D) or (N, T, m)
     */
    public NDArray mix(ParameterStore store, boolean training, NDArray tokens, NDArray c, BlockRunner runner) {
        NDArray h = down == null ? tokens : runner.run(down, store, training, tokens); // (N, T, m)
        for (Block layer : layers) {
            h = conditioned ? runner.run(layer, store, training, h, c) : runner.run(layer, store, training, h);
        }
        return up == null || !adds ? h : runner.run(up, store, training, h, tokens); // (N, T, D or m)
    }

    /**
     * Brings what {@link #mix} made, or the kept ones of it, to the model's width.
     *
     * @param mixed (N, K, D) or (N, K, m)
     * @return (N, K, D)
     */
    public NDArray leave(ParameterStore store, boolean training, NDArray mixed, BlockRunner runner) {
        return up == null || adds ? mixed : runner.run(up, store, training, mixed);
    }

    @Override
    protected void initializeChildBlocks(NDManager manager, DataType dataType, Shape... inputShapes) {
        Shape tokens = inputShapes[0];
        Shape inner = new Shape(tokens.get(0), tokens.get(1), layerWidth);
        Shape[] in = conditioned ? new Shape[] {inner, new Shape(tokens.get(0), conditionWidth)} : new Shape[] {inner};
        layers.forEach(layer -> layer.initialize(manager, dataType, in));
        if (down != null && up != null) {
            down.initialize(manager, dataType, tokens);
            if (adds) {
                up.initialize(manager, dataType, inner, tokens);
            } else {
                up.initialize(manager, dataType, inner);
            }
        }
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return new Shape[] {inputShapes[0]};
    }

    /** Unconditioned mixing layer: x + Attention(LN(x)), then x + MLP(LN(x)), with affine norms and no gates. */
    static final class PreNormBlock extends ScriptedBlock {
        PreNormBlock(int width, int heads, double mlpRatio, Precision precision) {
            super(ScriptFunction.of(ScriptedBlock.class, "block.py", "pre_norm_block")
                    .bind("heads", heads)
                    .bind("bf16", precision == Precision.BFLOAT16));
            if (heads < 1 || width % heads != 0) {
                throw new IllegalArgumentException(
                        "mixer.heads must divide the mixer's width " + width + " but was " + heads);
            }
            norm("norm1", width);
            linear("attn.qkv", width, 3L * width);
            linear("attn.proj", width, width);
            norm("norm2", width);
            linear("mlp.fc1", width, (long) (width * mlpRatio));
            linear("mlp.fc2", (long) (width * mlpRatio), width);
        }
    }

    /**
     * Shape of the pre-mask token-mixing block (MaskAlign eq. 7; see {@link TokenMixer}).
     *
     * @param layers number of transformer layers; 0 leaves the mixer out, the paper uses 2
     * @param width width of the layers, at most 65536; 0 means the model's own width D
     * @param heads attention heads, at most 65536; 0 means the model's own number
     * @param mlpRatio width of an MLP's hidden layer over the layers' width, in (0, {@value #MOST_RATIO}]
     * @param conditioning how the layers see timestep and label
     * @param bottleneck the way into and out of layers whose width is not D
     */
    public record MixerConfig(
            @Default("0") int layers,
            @Default("0") int width,
            @Default("0") int heads,
            @Default("4.0") double mlpRatio,
            @Default("ADALN_ZERO") Conditioning conditioning,
            @Default("RESIDUAL") Bottleneck bottleneck) {
        /** Largest MLP ratio; with it, and widths of at most 65536, every count of parameters is in range. */
        public static final int MOST_RATIO = 256;

        private static final int MOST_WIDTH = 1 << 16;

        /** No mixer. */
        public static final MixerConfig NONE = new MixerConfig(0, 0, 0, 4, Conditioning.ADALN_ZERO);

        /** The paper's mixer: two layers like the model's own. */
        public static final MixerConfig PAPER = new MixerConfig(2, 0, 0, 4, Conditioning.ADALN_ZERO);

        /** How mixing layers see timestep and label. */
        public enum Conditioning {
            /** adaLN with zero-initialised modulation: the mixer starts as the identity. */
            ADALN_ZERO,
            /** adaLN whose modulation starts from Xavier's uniform initialiser. */
            ADALN_PLAIN_INIT,
            /** Not at all: pre-norm layers with affine norms and no gates. */
            NONE
        }

        /** The way into and out of layers that are narrower, or wider, than the model. */
        public enum Bottleneck {
            /** H̄ = H + W_out layers(W_in H), W_out starting at zero: the mixer starts as the identity. */
            RESIDUAL,
            /**
             * H̄ = W_out LN(layers(W_in LN(H))), with affine norms and Xavier's start; W_out comes after tokens are dropped.
             * MicroDiT, whose linear maps have no bias.
             */
            NORMALISED
        }

        /** A mixer with {@link Bottleneck#RESIDUAL}. */
        public MixerConfig(int layers, int width, int heads, double mlpRatio, Conditioning conditioning) {
            this(layers, width, heads, mlpRatio, conditioning, Bottleneck.RESIDUAL);
        }

        /** Checks the ranges. */
        public MixerConfig {
            if (layers < 0 || layers > 64) {
                throw new IllegalArgumentException("mixer.layers must be in [0, 64] but was " + layers);
            }
            requireWidth("mixer.width", width);
            requireWidth("mixer.heads", heads);
            if (!(mlpRatio > 0 && mlpRatio <= MOST_RATIO)) {
                throw new IllegalArgumentException(
                        "mixer.mlpRatio must be in (0, " + MOST_RATIO + "] but was " + mlpRatio);
            }
        }

        private static void requireWidth(String key, int value) {
            if (value < 0 || value > MOST_WIDTH) {
                throw new IllegalArgumentException(key + " must be in [0, " + MOST_WIDTH + "] but was " + value);
            }
        }
    }

    /** A norm and a linear map: (N, T, in) → (N, T, out). */
    static final class NormedChange extends ScriptedBlock {
        private final long out;

        NormedChange(int in, int out, Precision precision) {
            super(ScriptFunction.of(ScriptedBlock.class, "block.py", "norm_linear")
                    .bind("bf16", precision == Precision.BFLOAT16));
            this.out = out;
            norm("0", in);
            linear("1", in, out);
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            return new Shape[] {new Shape(inputShapes[0].get(0), inputShapes[0].get(1), out)};
        }
    }

    /** Linear way into and out of a mixer that is narrower than the model; the way out adds to the tokens. */
    static final class WidthChange extends ScriptedBlock {
        private final long out;

        private WidthChange(long out, String function, Precision precision) {
            super(ScriptFunction.of(ScriptedBlock.class, "block.py", function)
                    .bind("bf16", precision == Precision.BFLOAT16));
            this.out = out;
        }

        static WidthChange down(int in, int out, Precision precision) {
            WidthChange block = new WidthChange(out, "narrow", precision);
            block.addLinear(in, false);
            return block;
        }

        static WidthChange up(int in, int out, Precision precision) {
            WidthChange block = new WidthChange(out, "widen_onto", precision);
            block.addLinear(in, true);
            return block;
        }

        private void addLinear(int in, boolean zero) {
            parameter("weight", new Shape(out, in), zero ? Initializer.ZEROS : Initializers.XAVIER_UNIFORM);
            parameter("bias", new Shape(out), Initializer.ZEROS);
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            return new Shape[] {new Shape(inputShapes[0].get(0), inputShapes[0].get(1), out)};
        }
    }
}
