package io.github.maskalign.encoders.vae;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Block;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import io.github.maskalign.core.nn.Precision;
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
}
