package io.github.maskalign.encoders.vit;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import ai.djl.util.PairList;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;
import org.jspecify.annotations.Nullable;

/** Closing LayerNorm of (N, 1 + T, D); returns class token (N, D) and patch tokens (N, T, D). */
final class FinalNorm extends ScriptedBlock {
    private static final ScriptFunction FUNCTION = ScriptFunction.of(FinalNorm.class, "final_norm.py", "final_norm");

    FinalNorm(int width) {
        parameter("weight", new Shape(width), Initializer.ONES);
        parameter("bias", new Shape(width), Initializer.ZEROS);
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        return FUNCTION.call(arguments(store, training, inputs.get(0)));
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        Shape x = inputShapes[0];
        return new Shape[] {new Shape(x.get(0), x.get(2)), new Shape(x.get(0), x.get(1) - 1, x.get(2))};
    }
}
