package io.github.maskalign.examples.judge;

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
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.nn.internal.Initializers;
import io.github.maskalign.core.script.ScriptExporter;
import io.github.maskalign.core.script.ScriptFunction;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Small residual network of convolutions, 1.35 million weights: another architecture than the teacher's.
 *
 * <pre>
 * x = Conv(image), stride 2, 32 channels
 * x ← Conv(ReLU(x)), stride 2;  x ← x + Conv(ReLU(GN(Conv(ReLU(GN(x))))))      for 64, 128, 192 channels
 * cells = ReLU(GN(x)),  feature = mean of the cells
 * </pre>
 *
 * <p>All convolutions are 3 × 3. Input: standardised pictures (N, 3, H, W), float32, H and W multiples of 16. Output: the
 * feature (N, 192) in the place of a class token, and the cells (N, H·W/256, 192), row-major. Source: identity mappings
 * (He et al., arXiv 1603.05027), group norm (Wu and He, arXiv 1803.08494).
 */
final class JudgeNetwork extends AbstractBlock {
    /** Side of the pictures it learns from, in pixels. */
    static final int SIDE = 64;
    /** Numbers of one picture's feature. */
    static final int WIDTH = 192;

    private static final byte VERSION = 1;
    private static final int STEM = 32;
    private static final int[] WIDTHS = {64, 128, WIDTH};
    private static final int CELL = 16;

    private final List<Block> layers = new ArrayList<>();

    JudgeNetwork() {
        super(VERSION);
        layers.add(addChildBlock("stem", new Stem()));
        int in = STEM;
        for (int i = 0; i < WIDTHS.length; i++) {
            layers.add(addChildBlock("stages." + i, new Stage(in, WIDTHS[i])));
            in = WIDTHS[i];
        }
        layers.add(addChildBlock("norm", new Pooling()));
    }

    /**
     * Writes the network as a TorchScript archive with the one input {@code image}.
     *
     * @param weights values to write instead of the block's own, by key
     * @param extras text files to add to the archive, by name
     * @param out where the archive goes; it is closed
     */
    void export(Map<String, NDArray> weights, Map<String, String> extras, OutputStream out) throws IOException {
        NDArray any = weights.values().iterator().next();
        try (NDManager scratch = any.getManager().newSubManager()) {
            JudgeNetwork copy = new JudgeNetwork();
            NDArray image = scratch.zeros(new Shape(1, 3, SIDE, SIDE));
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
        NDList x = inputs;
        for (Block layer : layers) {
            x = layer.forward(store, x, training);
        }
        return x;
    }

    @Override
    protected void initializeChildBlocks(NDManager manager, DataType dataType, Shape... inputShapes) {
        Shape[] shapes = inputShapes;
        for (Block layer : layers) {
            layer.initialize(manager, dataType, shapes);
            shapes = layer.getOutputShapes(shapes);
        }
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        Shape image = inputShapes[0];
        long cells = image.get(2) / CELL * (image.get(3) / CELL);
        return new Shape[] {new Shape(image.get(0), WIDTH), new Shape(image.get(0), cells, WIDTH)};
    }

    private static ScriptFunction function(String name) {
        return ScriptFunction.of(JudgeNetwork.class, "judge_network.py", name);
    }

    /** From pictures to the first channels. */
    private static final class Stem extends ScriptedBlock {
        Stem() {
            super(function("stem"));
            parameter("weight", new Shape(STEM, 3, 3, 3), Initializers.XAVIER_UNIFORM);
            parameter("bias", new Shape(STEM), Initializer.ZEROS);
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            return halved(inputShapes[0], STEM);
        }
    }

    /** Half the grid and a residual. */
    private static final class Stage extends ScriptedBlock {
        private final int out;

        Stage(int in, int out) {
            super(function("stage"));
            this.out = out;
            conv("down", in, Initializers.XAVIER_UNIFORM);
            norm("norm1", out);
            conv("conv1", out, Initializers.XAVIER_UNIFORM);
            norm("norm2", out);
            conv("conv2", out, Initializer.ZEROS); // so that a fresh network passes on what it sees
        }

        private void conv(String name, int in, Initializer initializer) {
            parameter(name + ".weight", new Shape(out, in, 3, 3), initializer);
            parameter(name + ".bias", new Shape(out), Initializer.ZEROS);
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            return halved(inputShapes[0], out);
        }
    }

    /** The last norm and the mean. */
    private static final class Pooling extends ScriptedBlock {
        Pooling() {
            super(function("pooled"));
            parameter("weight", new Shape(WIDTH), Initializer.ONES);
            parameter("bias", new Shape(WIDTH), Initializer.ZEROS);
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            Shape x = inputShapes[0];
            return new Shape[] {new Shape(x.get(0), WIDTH), new Shape(x.get(0), x.get(2) * x.get(3), WIDTH)};
        }
    }

    private static Shape[] halved(Shape x, int channels) {
        return new Shape[] {new Shape(x.get(0), channels, (x.get(2) + 1) / 2, (x.get(3) + 1) / 2)};
    }
}
