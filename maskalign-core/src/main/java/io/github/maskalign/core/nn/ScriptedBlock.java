package io.github.maskalign.core.nn;

import ai.djl.Device;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import ai.djl.util.PairList;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A DJL block whose arithmetic is one TorchScript function over its own parameters.
 *
 * <p>Parameters are named by their state-dict key relative to the block, such as {@code attn.qkv.weight},
 * have their shape and initialiser from construction on, and are passed to the function after the inputs, in
 * the order in which they were added.
 */
public abstract class ScriptedBlock extends AbstractBlock {
    private static final byte VERSION = 1;

    private final ScriptFunction function;
    private final List<Parameter> ordered = new ArrayList<>();

    /** Creates a block without parameters that computes the given function. */
    protected ScriptedBlock(ScriptFunction function) {
        super(VERSION);
        this.function = function;
    }

    /** The function that the block computes. */
    protected final ScriptFunction function() {
        return function;
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        Device device = inputs.get(0).getDevice();
        List<Object> arguments = new ArrayList<>(inputs);
        for (Parameter parameter : ordered) {
            arguments.add(store.getValue(parameter, device, training));
        }
        return function.call(arguments.toArray());
    }

    /** Returns the shape of the first input; a block whose output has another says so. */
    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return new Shape[] {inputShapes[0]};
    }

    /** Adds a trainable parameter. */
    protected final void parameter(String name, Shape shape, Initializer initializer) {
        add(name, shape, initializer, true);
    }

    /** Adds a parameter that is kept in checkpoints but not trained. */
    protected final void frozen(String name, Shape shape, Initializer initializer) {
        add(name, shape, initializer, false);
    }

    /** Adds {@code name.weight} (out, in) with Xavier's uniform initialiser and {@code name.bias} (out) of zeros. */
    protected final void linear(String name, long in, long out) {
        parameter(name + ".weight", new Shape(out, in), Initializers.XAVIER_UNIFORM);
        parameter(name + ".bias", new Shape(out), Initializer.ZEROS);
    }

    /** Adds {@code name.weight} (out, in) and {@code name.bias} (out), both of zeros. */
    protected final void zeroLinear(String name, long in, long out) {
        parameter(name + ".weight", new Shape(out, in), Initializer.ZEROS);
        parameter(name + ".bias", new Shape(out), Initializer.ZEROS);
    }

    /** Adds {@code name.weight} (width) of ones and {@code name.bias} (width) of zeros. */
    protected final void norm(String name, long width) {
        parameter(name + ".weight", new Shape(width), Initializer.ONES);
        parameter(name + ".bias", new Shape(width), Initializer.ZEROS);
    }

    private void add(String name, Shape shape, Initializer initializer, boolean trained) {
        Parameter.Type type = name.endsWith("bias") ? Parameter.Type.BIAS : Parameter.Type.WEIGHT;
        ordered.add(addParameter(Parameter.builder()
                .setName(name)
                .setType(type)
                .optShape(shape)
                .optInitializer(initializer)
                .optRequiresGrad(trained)
                .build()));
    }
}
