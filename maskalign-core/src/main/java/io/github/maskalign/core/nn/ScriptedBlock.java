package io.github.maskalign.core.nn;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import java.util.ArrayList;
import java.util.List;

/**
 * A DJL block whose arithmetic is one TorchScript function over its own parameters.
 *
 * <p>Parameters are named by their state-dict key relative to the block, such as {@code attn.qkv.weight},
 * have their shape and initialiser from construction on, and are passed to the function in the order in
 * which they were added.
 */
public abstract class ScriptedBlock extends AbstractBlock {
    private static final byte VERSION = 1;

    private final List<Parameter> ordered = new ArrayList<>();

    /** Creates a block without parameters. */
    protected ScriptedBlock() {
        super(VERSION);
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

    /** Returns the arguments of the block's function: the given inputs, then all parameters. */
    protected final Object[] arguments(ParameterStore store, boolean training, NDArray... inputs) {
        Device device = inputs[0].getDevice();
        Object[] all = new Object[inputs.length + ordered.size()];
        System.arraycopy(inputs, 0, all, 0, inputs.length);
        for (int i = 0; i < ordered.size(); i++) {
            all[inputs.length + i] = store.getValue(ordered.get(i), device, training);
        }
        return all;
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
