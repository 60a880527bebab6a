package io.github.maskalign.core.nn;

import ai.djl.Device;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import ai.djl.util.PairList;
import io.github.maskalign.core.nn.internal.Initializers;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.core.script.ScriptFunction.ScriptParameter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A DJL block whose arithmetic is one TorchScript function over its own parameters.
 *
 * <p>Parameters are named by their state-dict key relative to the block, such as {@code attn.qkv.weight}, and have their
 * shape and initialiser from construction on. The function takes the inputs first and then the weights by name:
 * dots become underscores, and a name that would begin with a digit gets an underscore in front ({@code 0.weight} is
 * {@code _0_weight}). Weights are added in the function's order; one that it does not have, or that comes out of turn,
 * is refused at once, and one that is missing when the block is initialised, unless it is an {@code Optional[Tensor]}.
 * A function whose weights are a {@code List[Tensor]} gets all of them in the order in which they were added.
 */
public abstract class ScriptedBlock extends AbstractBlock {
    private static final byte VERSION = 1;
    private static final String LIST = "List[Tensor]";
    private static final String WEIGHT = "weight";

    private final ScriptFunction plain;
    private final Map<String, Parameter> weights = new LinkedHashMap<>();
    private Shape[] initial = {};
    private @Nullable ScriptFunction complete;

    /** Creates a block without parameters that computes the given function. */
    protected ScriptedBlock(ScriptFunction function) {
        super(VERSION);
        plain = function;
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        requireFits(inputs);
        Device device = inputs.get(0).getDevice();
        NDList values = new NDList();
        for (Parameter weight : weights.values()) {
            values.add(store.getValue(weight, device, training));
        }
        List<Object> arguments = new ArrayList<>(inputs);
        if (takesList()) {
            arguments.add(values);
        } else {
            arguments.addAll(values);
        }
        return function().call(arguments.toArray());
    }

    @Override
    protected void prepare(Shape[] inputShapes) {
        initial = inputShapes.clone();
        function();
    }

    /** The engine would speak of matrices; a caller needs to know which input has the wrong width. */
    private void requireFits(NDList inputs) {
        String block = getClass().getSimpleName();
        if (inputs.isEmpty() || inputs.size() < initial.length) {
            throw new IllegalArgumentException(
                    block + " takes " + Math.max(1, initial.length) + " inputs but was given " + inputs.size());
        }
        for (int i = 0; i < initial.length; i++) {
            Shape given = inputs.get(i).getShape();
            Shape known = initial[i];
            boolean tokens = known.dimension() == 3; // (N, T, D)
            if (given.dimension() != known.dimension() || tokens && given.get(2) != known.get(2)) {
                throw new IllegalArgumentException(block + ": input " + i + " must have "
                        + (tokens ? "shape (N, T, " + known.get(2) + ")" : known.dimension() + " dimensions")
                        + " but has shape " + given);
            }
        }
    }

    /** The function with its optional weights fixed; checks that no other weight is missing. */
    private ScriptFunction function() {
        if (complete == null) {
            ScriptFunction found = plain;
            boolean weight = weights.isEmpty();
            for (ScriptParameter parameter : plain.parameters()) {
                weight |= weights.containsKey(parameter.name());
                if (parameter.isOptional() && !weights.containsKey(parameter.name())) {
                    found = found.without(parameter.name());
                } else if (weight && !weights.isEmpty() && !weights.containsKey(parameter.name())) {
                    throw new IllegalStateException(getClass().getSimpleName() + " has no weight for "
                            + parameter.name() + " of script function " + plain.name());
                }
            }
            complete = found;
        }
        return complete;
    }

    /**
     * Returns the parameters that the function rounds to bfloat16 wherever it uses them: nothing in float32, else the
     * matrices and kernels, which are the weights of two or more axes, each with its bias.
     */
    public final List<Parameter> rounded() {
        List<Parameter> out = new ArrayList<>();
        if (plain.isTrue("bf16")) {
            for (Parameter weight : weights.values()) {
                String name = weight.getName();
                if (name.endsWith(WEIGHT) && weight.getShape().dimension() >= 2) {
                    out.add(weight);
                    Parameter bias =
                            weights.get(scriptName(name.substring(0, name.length() - WEIGHT.length()) + "bias"));
                    if (bias != null) {
                        out.add(bias);
                    }
                }
            }
        }
        return out;
    }

    private boolean takesList() {
        List<ScriptParameter> parameters = plain.parameters();
        return !parameters.isEmpty()
                && parameters.get(parameters.size() - 1).type().equals(LIST);
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
        String scriptName = scriptName(name);
        if (!takesList()) {
            requireNext(name, scriptName);
        }
        Parameter.Type type = name.endsWith("bias") ? Parameter.Type.BIAS : Parameter.Type.WEIGHT;
        weights.put(
                scriptName,
                addParameter(Parameter.builder()
                        .setName(name)
                        .setType(type)
                        .optShape(shape)
                        .optInitializer(initializer)
                        .optRequiresGrad(trained)
                        .build()));
    }

    private void requireNext(String name, String scriptName) {
        List<String> names =
                plain.parameters().stream().map(ScriptParameter::name).toList();
        int at = names.indexOf(scriptName);
        if (at < 0) {
            throw new IllegalArgumentException(
                    "weight " + name + " of " + getClass().getSimpleName() + " must be a parameter of script function "
                            + plain.name() + ", which takes " + names);
        }
        weights.forEach((earlier, weight) -> {
            if (names.indexOf(earlier) >= at) {
                throw new IllegalArgumentException(
                        "weight " + name + " of " + getClass().getSimpleName() + " must come before " + weight.getName()
                                + ", as in script function " + plain.name());
            }
        });
    }

    private static String scriptName(String key) {
        String name = key.replace('.', '_');
        return Character.isDigit(name.charAt(0)) ? "_" + name : name;
    }
}
