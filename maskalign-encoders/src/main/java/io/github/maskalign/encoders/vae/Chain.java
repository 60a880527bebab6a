package io.github.maskalign.encoders.vae;

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
 * Blocks one after the other, each result freed as soon as the next one is there.
 *
 * <pre>
 * encoder: conv → levels (residual blocks, half the side) → middle → norm, SiLU, conv
 * decoder: conv → middle → levels (residual blocks, twice the side) → norm, SiLU, conv
 * </pre>
 *
 * <p>Keys are those of diffusers' {@code AutoencoderKL}.
 */
final class Chain extends AbstractBlock {
    private static final byte VERSION = 1;

    private final List<Block> blocks = new ArrayList<>();

    private Chain() {
        super(VERSION);
    }

    /** From pictures (N, 3, H, W) to mean and log-variance (N, 2C, h, w). */
    static Chain encoder(VaeConfig config, Precision precision) {
        Chain chain = new Chain();
        List<Integer> widths = config.channels();
        int last = widths.size() - 1;
        int width = widths.get(0);
        chain.add("encoder.conv_in", new Convolution(Convolution.Kind.SAME, 3, width, 3, precision));
        for (int level = 0; level <= last; level++) {
            String name = "encoder.down_blocks." + level + ".";
            for (int i = 0; i < config.layersPerBlock(); i++) {
                Block block = new ResidualBlock(width, widths.get(level), config.groups(), precision);
                chain.add(name + "resnets." + i, block);
                width = widths.get(level);
            }
            if (level < last) {
                Block half = new Convolution(Convolution.Kind.DOWN, width, width, 3, precision);
                chain.add(name + "downsamplers.0.conv", half);
            }
        }
        chain.middle("encoder.", width, config, precision);
        chain.add("encoder", new Closing(width, 2 * config.latentChannels(), config.groups(), precision));
        if (config.quantConv()) {
            int parameters = 2 * config.latentChannels();
            chain.add("quant_conv", new Convolution(Convolution.Kind.SAME, parameters, parameters, 1, precision));
        }
        return chain;
    }

    /** From latents (N, C, h, w) to pictures (N, 3, H, W). */
    static Chain decoder(VaeConfig config, Precision precision) {
        Chain chain = new Chain();
        int latent = config.latentChannels();
        if (config.postQuantConv()) {
            chain.add("post_quant_conv", new Convolution(Convolution.Kind.SAME, latent, latent, 1, precision));
        }
        List<Integer> widths = config.channels();
        int last = widths.size() - 1;
        int width = widths.get(last);
        chain.add("decoder.conv_in", new Convolution(Convolution.Kind.SAME, latent, width, 3, precision));
        chain.middle("decoder.", width, config, precision);
        for (int level = 0; level <= last; level++) {
            String name = "decoder.up_blocks." + level + ".";
            int out = widths.get(last - level);
            for (int i = 0; i <= config.layersPerBlock(); i++) {
                chain.add(name + "resnets." + i, new ResidualBlock(width, out, config.groups(), precision));
                width = out;
            }
            if (level < last) {
                Block twice = new Convolution(Convolution.Kind.UP, width, width, 3, precision);
                chain.add(name + "upsamplers.0.conv", twice);
            }
        }
        chain.add("decoder", new Closing(width, 3, config.groups(), precision));
        return chain;
    }

    private void middle(String prefix, int width, VaeConfig config, Precision precision) {
        String name = prefix + "mid_block.";
        add(name + "resnets.0", new ResidualBlock(width, width, config.groups(), precision));
        add(name + "attentions.0", new PixelAttention(width, config.groups(), precision));
        add(name + "resnets.1", new ResidualBlock(width, width, config.groups(), precision));
    }

    private void add(String name, Block block) {
        blocks.add(addChildBlock(name, block));
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        NDList x = blocks.get(0).forward(store, inputs, training);
        for (Block block : blocks.subList(1, blocks.size())) {
            NDList next = block.forward(store, x, training);
            if (!training) {
                x.close();
            }
            x = next;
        }
        return x;
    }

    @Override
    protected void initializeChildBlocks(NDManager manager, DataType dataType, Shape... inputShapes) {
        Shape[] shapes = inputShapes;
        for (Block block : blocks) {
            block.initialize(manager, dataType, shapes);
            shapes = block.getOutputShapes(shapes);
        }
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        Shape[] shapes = inputShapes;
        for (Block block : blocks) {
            shapes = block.getOutputShapes(shapes);
        }
        return shapes;
    }

    /** Norm, SiLU and convolution at the end of encoder and decoder. */
    static final class Closing extends ScriptedBlock {
        private final int out;

        Closing(int in, int out, int groups, Precision precision) {
            super(ScriptFunction.of(Closing.class, "vae.py", "closing")
                    .bind("groups", groups)
                    .bind("bf16", precision == Precision.BFLOAT16));
            this.out = out;
            norm("conv_norm_out", in);
            parameter("conv_out.weight", new Shape(out, in, 3, 3), Initializers.XAVIER_UNIFORM);
            parameter("conv_out.bias", new Shape(out), Initializer.ZEROS);
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            Shape x = inputShapes[0];
            return new Shape[] {new Shape(x.get(0), out, x.get(2), x.get(3))};
        }
    }

    /** Attention of one head between the pixels of (N, C, H, W), added to them. */
    static final class PixelAttention extends ScriptedBlock {
        PixelAttention(int width, int groups, Precision precision) {
            super(ScriptFunction.of(PixelAttention.class, "vae.py", "pixel_attention")
                    .bind("groups", groups)
                    .bind("bf16", precision == Precision.BFLOAT16));
            norm("group_norm", width);
            linear("to_q", width, width);
            linear("to_k", width, width);
            linear("to_v", width, width);
            linear("to_out.0", width, width);
        }
    }

    /** Two times norm, SiLU and 3 × 3 convolution, added to the input: (N, C, H, W) to (N, C', H, W). */
    static final class ResidualBlock extends ScriptedBlock {
        private final int out;

        ResidualBlock(int in, int out, int groups, Precision precision) {
            super(ScriptFunction.of(ResidualBlock.class, "vae.py", "residual_block")
                    .bind("groups", groups)
                    .bind("bf16", precision == Precision.BFLOAT16));
            this.out = out;
            norm("norm1", in);
            convolution("conv1", in, out, 3);
            norm("norm2", out);
            convolution("conv2", out, out, 3);
            if (in != out) {
                convolution("conv_shortcut", in, out, 1);
            }
        }

        private void convolution(String name, int in, int width, int kernel) {
            parameter(name + ".weight", new Shape(width, in, kernel, kernel), Initializers.XAVIER_UNIFORM);
            parameter(name + ".bias", new Shape(width), Initializer.ZEROS);
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            Shape x = inputShapes[0];
            return new Shape[] {new Shape(x.get(0), out, x.get(2), x.get(3))};
        }
    }

    /** A convolution (N, C, H, W) to (N, C', H', W'), alone or with what comes before it. */
    static final class Convolution extends ScriptedBlock {
        /** What is done besides the convolution. */
        enum Kind {
            /** Nothing; as many pixels out as in. */
            SAME("same_convolution"),
            /** The side is halved. */
            DOWN("downsample"),
            /** The side is doubled. */
            UP("upsample");

            private final String function;

            Kind(String function) {
                this.function = function;
            }
        }

        private final Kind kind;
        private final int out;

        Convolution(Kind kind, int in, int out, int kernel, Precision precision) {
            super(ScriptFunction.of(Convolution.class, "vae.py", kind.function)
                    .bind("bf16", precision == Precision.BFLOAT16));
            this.kind = kind;
            this.out = out;
            parameter("weight", new Shape(out, in, kernel, kernel), Initializers.XAVIER_UNIFORM);
            parameter("bias", new Shape(out), Initializer.ZEROS);
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            Shape x = inputShapes[0];
            return new Shape[] {
                switch (kind) {
                    case SAME -> new Shape(x.get(0), out, x.get(2), x.get(3));
                    case DOWN -> new Shape(x.get(0), out, x.get(2) / 2, x.get(3) / 2);
                    case UP -> new Shape(x.get(0), out, 2 * x.get(2), 2 * x.get(3));
                }
            };
        }
    }
}
