package io.github.maskalign.sit;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import ai.djl.util.PairList;
import io.github.maskalign.core.nn.Initializers;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;
import org.jspecify.annotations.Nullable;

/** t (N) in [0, 1] through 256 sine-cosine features and a two-layer MLP: (N, D). */
final class TimestepEmbedder extends ScriptedBlock {
    private static final int FEATURES = 256;

    private final int width;
    private final ScriptFunction function;

    TimestepEmbedder(int width, Precision precision) {
        this.width = width;
        normalLinear("mlp.0", FEATURES);
        normalLinear("mlp.2", width);
        function = ScriptFunction.of(TimestepEmbedder.class, "timestep_embedder.py", "timestep_embedder")
                .bind("bf16", precision == Precision.BFLOAT16);
    }

    private void normalLinear(String name, int in) {
        parameter(name + ".weight", new Shape(width, in), Initializers.NORMAL_002);
        parameter(name + ".bias", new Shape(width), Initializer.ZEROS);
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        return function.call(arguments(store, training, inputs.get(0)));
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return new Shape[] {new Shape(inputShapes[0].get(0), width)};
    }
}
