package io.github.maskalign.core.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.nn.AdaLnZeroBlock;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.internal.Initializers;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.Draws.RandomStream;
import io.github.maskalign.core.train.Objective.StepLosses;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Regression with one transformer block and a frozen position table: every sample is drawn by position.
 *
 * <p>Small enough for hundreds of steps a second, and yet it has attention, gates, biases and a frozen
 * weight.
 */
public final class TinyObjective implements Objective {
    private static final int T = 3;
    private static final int D = 8;

    /** Where normal numbers come from: {@link Draws#normal}, or numbers of another time. */
    interface Numbers {
        float[] normal(RandomStream stream, long first, int rows, int width);
    }

    private final Numbers samples;
    private final Numbers weights;
    private final AdaLnZeroBlock block = new AdaLnZeroBlock(D, 2, 2, false, Precision.FLOAT32);
    private final Map<String, Parameter> parameters = new LinkedHashMap<>();
    private final ParameterStore store;
    private long firstPoisoned = -1;
    private long lastPoisoned = -1;
    private @Nullable Runnable interruption;

    /** Makes the weights, in the given manager, as a function of the seed. */
    public TinyObjective(NDManager manager, long seed) {
        this(manager, seed, 0);
    }

    /** As the other constructor, with other weights for every {@code variant} and the same samples. */
    TinyObjective(NDManager manager, long seed, long variant) {
        this(manager, new Draws(seed)::normal, new Draws(seed + variant)::normal);
    }

    /** Takes samples and weights from given numbers. */
    TinyObjective(NDManager manager, Numbers samples, Numbers weights) {
        this.samples = samples;
        this.weights = weights;
        store = new ParameterStore(manager, false);
        int i = 0;
        for (Map.Entry<String, Parameter> entry : ParameterKeys.of(block).entrySet()) {
            Parameter parameter = entry.getValue();
            parameter.setInitializer(initializer(i++, parameter.getShape()));
            parameters.put("blocks.0." + entry.getKey(), parameter);
        }
        block.initialize(manager, DataType.FLOAT32, new Shape(1, T, D), new Shape(1, D));
        Parameter table = Parameter.builder()
                .setName("pos_embed")
                .setType(Parameter.Type.OTHER)
                .optShape(new Shape(1, T, D))
                .optInitializer(initializer(i, new Shape(1, T, D)))
                .optRequiresGrad(false)
                .build();
        table.initialize(manager, DataType.FLOAT32);
        parameters.put("pos_embed", table);
    }

    /** Makes the loss of one step (counted from 0) NaN. */
    TinyObjective poison(long step) {
        return poison(step, step);
    }

    /** Makes the loss of some steps (counted from 0) NaN. */
    TinyObjective poison(long first, long last) {
        firstPoisoned = first;
        lastPoisoned = last;
        return this;
    }

    /** Runs something in the middle of every loss. */
    TinyObjective interrupt(Runnable action) {
        interruption = action;
        return this;
    }

    @Override
    public Map<String, Parameter> parameters() {
        return parameters;
    }

    @Override
    public StepLosses loss(NDManager scratch, long step, long firstPosition, int count) {
        NDArray x = noise(scratch, RandomStream.NOISE, firstPosition, count, T); // (N, T, D)
        NDArray c = noise(scratch, RandomStream.CLASS_NOISE, firstPosition, count, 1)
                .reshape(count, D);
        NDArray target = x.flip(2).mul(0.5f); // (N, T, D)
        if (interruption != null) {
            interruption.run();
        }
        NDArray y = block.forward(
                        store, new NDList(x.add(parameters.get("pos_embed").getArray()), c), true)
                .singletonOrThrow(); // (N, T, D)
        NDArray error = y.sub(target);
        NDArray total = error.square().mean();
        if (step >= firstPoisoned && step <= lastPoisoned) {
            total = total.mul(Float.NaN);
        }
        return new StepLosses(total, Map.of("largest", error.abs().max()));
    }

    private ai.djl.training.initializer.Initializer initializer(int position, Shape shape) {
        int size = Math.toIntExact(shape.size());
        float[] values = weights.normal(RandomStream.INIT, position, 1, size);
        for (int i = 0; i < size; i++) {
            values[i] *= 0.3f;
        }
        return Initializers.constant(values);
    }

    private NDArray noise(NDManager scratch, RandomStream stream, long first, int count, int tokens) {
        try (NDArray borrowed =
                scratch.create(samples.normal(stream, first, count, tokens * D), new Shape(count, tokens, D))) {
            return borrowed.duplicate(); // autograd must not save memory that Java owns
        }
    }
}
