package io.github.maskalign.sit.lab.internal;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.encoders.Preprocessing;
import io.github.maskalign.encoders.vit.Vit;
import io.github.maskalign.encoders.vit.VitConfig;

/** A vision transformer of 6 blocks that nobody has trained: the control that tells the teacher from its architecture. */
final class RandomEncoder implements AutoCloseable {
    private static final int PATCH = 4;
    private static final int DEPTH = 6;
    private static final int HEAD = 32;

    private final NDManager manager;
    private final Vit transformer;
    private final Preprocessing preprocessing;
    private final ParameterStore store;
    private final String description;

    /**
     * Draws the weights.
     *
     * @param side side of the pictures
     * @param grid tokens along a side
     * @param width width of the tokens
     */
    RandomEncoder(int side, int grid, int width, long seed, NDManager parent) {
        manager = parent.newSubManager();
        int heads = width % HEAD == 0 ? width / HEAD : 1;
        transformer = new Vit(new VitConfig(grid * PATCH, PATCH, width, DEPTH, heads), Precision.FLOAT32);
        Engine.getInstance().setRandomSeed((int) (seed ^ seed >>> 32));
        transformer.initialize(manager, DataType.FLOAT32, new Shape(1, 3, (long) grid * PATCH, (long) grid * PATCH));
        preprocessing = Preprocessing.DINOV2.withSides(side, side, grid * PATCH, PATCH);
        store = new ParameterStore(manager, false);
        description = "the untrained encoder is a vision transformer of " + DEPTH + " blocks, width " + width + " and "
                + grid + " x " + grid + " patches, with random weights of the seed " + seed;
    }

    String describe() {
        return description;
    }

    /** Tokens of pictures (n, 3, H, W), uint8: (n, 1+T, Z). */
    NDArray tokens(NDArray images) {
        try (GradMode off = GradMode.off()) {
            NDList out = transformer.forward(store, new NDList(preprocessing.apply(images)), false);
            return NDArrays.concat(new NDList(out.get(0).expandDims(1), out.get(1)), 1);
        }
    }

    @Override
    public void close() {
        manager.close();
    }
}
