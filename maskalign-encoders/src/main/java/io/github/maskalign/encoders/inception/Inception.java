package io.github.maskalign.encoders.inception;

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
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.script.ScriptExporter;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.encoders.inception.InceptionExtractor.InceptionSuite;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Inception v3 in the form of the 2015 TensorFlow graph: 1008 classes, average pools that do not count the padding, a
 * maximum pool in the last unit.
 *
 * <p>Input: pictures (N, 3, 299, 299), float32, about [-1, 1]. Output: pooled features (N, 2048); spatial features
 * (N, 2023), the first seven channels of the 1×1 branch of Mixed_6d after ReLU, as (17, 17, 7) in a row; logits without
 * bias (N, 1008). Batch norms are folded into the convolutions, all parameters are frozen.
 *
 * <p>Source: Szegedy et al. 2015 (arXiv 1512.00567); ADM's evaluator for the taps.
 */
public final class Inception extends AbstractBlock {
    private static final byte VERSION = 1;

    private static final ScriptFunction POOLED = function("pooled");
    private static final ScriptFunction SPATIAL =
            function("spatial").bind("channels", InceptionLayout.SPATIAL_CHANNELS);
    private static final ScriptFunction LOGITS = function("logits");

    private final List<Block> units = new ArrayList<>();
    private final int spatialUnit;
    private final Parameter classifier;

    /** Creates the network; its weights are zeros. */
    public Inception() {
        super(VERSION);
        int at = 0;
        for (InceptionLayout.Unit unit : InceptionLayout.units()) {
            if (unit.name().equals(InceptionLayout.SPATIAL_UNIT)) {
                at = units.size();
            }
            units.add(addChildBlock(unit.name(), new InceptionUnit(unit)));
        }
        spatialUnit = at;
        classifier = addParameter(Parameter.builder()
                .setName("fc.weight")
                .setType(Parameter.Type.WEIGHT)
                .optShape(new Shape(InceptionLayout.CLASSES, InceptionLayout.WIDTH))
                .optInitializer(Initializer.ZEROS)
                .optRequiresGrad(false)
                .build());
    }

    /**
     * Writes the initialised network as a TorchScript archive: the input {@code images} (N, 3, H, W), uint8, of a suite,
     * resize included, and the outputs pooled, spatial and logits.
     *
     * @param suite whose resize is written into the program
     * @param extras text files to add to the archive, by name
     * @param out where the archive goes; it is closed
     */
    public void export(InceptionSuite suite, Map<String, String> extras, OutputStream out) throws IOException {
        Map<String, Parameter> parameters = ParameterKeys.of(this);
        try (NDManager scratch = classifier.getArray().getManager().newSubManager()) {
            NDArray images = scratch.zeros(new Shape(1, 3, 32, 32), DataType.UINT8);
            ScriptExporter exporter = new ScriptExporter().input("images", images);
            parameters.forEach((key, parameter) -> exporter.weight(key, parameter.getArray()));
            extras.forEach(exporter::extra);
            ParameterStore store = new ParameterStore(scratch, false);
            exporter.export(() -> forward(store, new NDList(suite.prepare(images)), false), out);
        }
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        NDArray x = inputs.get(0);
        Shape shape = x.getShape();
        if (shape.dimension() != 4
                || shape.get(1) != 3
                || shape.get(2) != InceptionLayout.SIDE
                || shape.get(3) != InceptionLayout.SIDE) {
            throw new IllegalArgumentException("pictures must be (N, 3, " + InceptionLayout.SIDE + ", "
                    + InceptionLayout.SIDE + ") but were " + shape);
        }
        NDManager owner = x.getManager();
        NDArray spatial = null;
        for (int i = 0; i < units.size(); i++) {
            NDArray next = units.get(i).forward(store, new NDList(x), training).singletonOrThrow();
            if (i > 0) {
                x.close(); // 300 MB for 64 pictures in the first units
            }
            x = next;
            if (i == spatialUnit) {
                spatial = SPATIAL.callForOne(x); // (N, 2023)
            }
        }
        NDArray pooled = POOLED.callForOne(x); // (N, 2048)
        x.close();
        NDArray weight = store.getValue(classifier, pooled.getDevice(), training);
        NDList out = new NDList(pooled, Objects.requireNonNull(spatial), LOGITS.callForOne(pooled, weight));
        out.attach(owner);
        return out;
    }

    @Override
    protected void initializeChildBlocks(NDManager manager, DataType dataType, Shape... inputShapes) {
        Shape[] shapes = inputShapes;
        for (Block unit : units) {
            unit.initialize(manager, dataType, shapes);
            shapes = unit.getOutputShapes(shapes);
        }
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        long n = inputShapes[0].get(0);
        return new Shape[] {
            new Shape(n, InceptionLayout.WIDTH),
            new Shape(n, InceptionLayout.SPATIAL_WIDTH),
            new Shape(n, InceptionLayout.CLASSES)
        };
    }

    private static ScriptFunction function(String name) {
        return ScriptFunction.of(Inception.class, "inception.py", name);
    }

    /** One unit, (N, C, H, W) to (N, C', H', W'): convolutions with folded batch norm, frozen. */
    static final class InceptionUnit extends ScriptedBlock {
        private final InceptionLayout.Unit unit;

        InceptionUnit(InceptionLayout.Unit unit) {
            super(function(unit));
            this.unit = unit;
            for (InceptionLayout.Conv conv : unit.convs()) {
                frozen(conv.name() + ".conv.weight", conv.weight(), Initializer.ZEROS);
                frozen(conv.name() + ".conv.bias", new Shape(conv.out()), Initializer.ZEROS);
            }
        }

        private static ScriptFunction function(InceptionLayout.Unit unit) {
            ScriptFunction plain = ScriptFunction.of(InceptionUnit.class, "inception.py", unit.function());
            return unit.function().equals("mixed_7")
                    ? plain.bind("pool_by_maximum", unit.name().equals("Mixed_7c"))
                    : plain;
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            Shape x = inputShapes[0];
            return new Shape[] {new Shape(x.get(0), unit.channels(), side(x.get(2)), side(x.get(3)))};
        }

        private long side(long side) {
            if (unit.name().isEmpty()) { // 3 by 2, 3, 3 padded, maximum by 2, 1, 3, maximum by 2
                return half(half(half(side) - 2) - 2);
            }
            return unit.shrinks() ? half(side) : side;
        }

        private static long half(long side) {
            return (side - 3) / 2 + 1;
        }
    }
}
