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
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.script.ScriptExporter;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Vision transformer of the DINOv2 architecture: class token, learned positions, pre-norm blocks with
 * LayerScale, closing norm.
 *
 * <pre>
 * x = [cls; Conv(image)] + positions
 * x ← x + γ₁ Attention(LN(x)),  x ← x + γ₂ MLP(LN(x))     L times; LN eps 1e-6, exact GELU
 * class token, patch tokens = LN(x)
 * </pre>
 *
 * <p>Input: standardised pictures (N, 3, H, W), float32, H and W multiples of p; where their grid is not the
 * position table's, the table is resampled bicubically with antialias. Output: x_norm_clstoken (N, D) and
 * x_norm_patchtokens (N, T, D), row-major. Keys are those of the official weights, {@code mask_token}
 * included, which nothing here uses. Source: DINOv2 (arXiv 2304.07193); REPA's resampling of the table.
 */
public final class Vit extends AbstractBlock {
    private static final byte VERSION = 1;

    private final VitConfig config;
    private final Block embedding;
    private final List<Block> blocks = new ArrayList<>();
    private final Block norm;

    /** Creates a transformer in the given arithmetic; embedding and norms are float32 in both. */
    public Vit(VitConfig config, Precision precision) {
        super(VERSION);
        this.config = config;
        addParameter(Parameter.builder()
                .setName("mask_token")
                .setType(Parameter.Type.OTHER)
                .optShape(new Shape(1, config.width()))
                .optInitializer(Initializer.ZEROS)
                .optRequiresGrad(false)
                .build());
        embedding = addChildBlock("", new TokenEmbedding(config));
        for (int i = 0; i < config.depth(); i++) {
            blocks.add(addChildBlock("blocks." + i, new LayerScaleBlock(config, precision)));
        }
        norm = addChildBlock("norm", new FinalNorm(config.width()));
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

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        Shape image = inputs.get(0).getShape();
        int p = config.patchSize();
        if (image.dimension() != 4 || image.get(1) != 3 || image.get(2) % p != 0 || image.get(3) % p != 0) {
            throw new IllegalArgumentException(
                    "pictures must be (N, 3, H, W) with sides that are multiples of " + p + " but were " + image);
        }
        NDList x = embedding.forward(store, inputs, training); // (N, 1 + T, D)
        for (Block block : blocks) {
            x = block.forward(store, x, training);
        }
        return norm.forward(store, x, training);
    }

    @Override
    protected void initializeChildBlocks(NDManager manager, DataType dataType, Shape... inputShapes) {
        embedding.initialize(manager, dataType, inputShapes);
        Shape[] tokens = embedding.getOutputShapes(inputShapes);
        blocks.forEach(block -> block.initialize(manager, dataType, tokens));
        norm.initialize(manager, dataType, tokens);
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return norm.getOutputShapes(embedding.getOutputShapes(inputShapes));
    }
}
