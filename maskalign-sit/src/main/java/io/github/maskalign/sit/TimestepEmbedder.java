package io.github.maskalign.sit;

import ai.djl.ndarray.types.Shape;
import ai.djl.training.initializer.Initializer;
import io.github.maskalign.core.nn.Initializers;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;

/** t (N) in [0, 1] through 256 sine-cosine features and a two-layer MLP: (N, D). */
final class TimestepEmbedder extends ScriptedBlock {
    private static final int FEATURES = 256;

    private final int width;

    TimestepEmbedder(int width, Precision precision) {
        super(ScriptFunction.of(TimestepEmbedder.class, "sit.py", "timestep_embedder")
                .bind("bf16", precision == Precision.BFLOAT16));
        this.width = width;
        normalLinear("mlp.0", FEATURES);
        normalLinear("mlp.2", width);
    }

    private void normalLinear(String name, int in) {
        parameter(name + ".weight", new Shape(width, in), Initializers.NORMAL_002);
        parameter(name + ".bias", new Shape(width), Initializer.ZEROS);
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return new Shape[] {new Shape(inputShapes[0].get(0), width)};
    }
}
