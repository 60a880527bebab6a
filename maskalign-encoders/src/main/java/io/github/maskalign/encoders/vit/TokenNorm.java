package io.github.maskalign.encoders.vit;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import ai.djl.util.PairList;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;
import org.jspecify.annotations.Nullable;

/** LayerNorm of (N, T, D) over the width. */
final class TokenNorm extends ScriptedBlock {
    private final ScriptFunction function;

    TokenNorm(int width, double eps) {
        parameter("weight", new Shape(width), Initializer.ONES);
        parameter("bias", new Shape(width), Initializer.ZEROS);
        function = ScriptFunction.of(TokenNorm.class, "token_norm.py", "token_norm")
                .bind("eps", eps);
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        return function.call(arguments(store, training, inputs.get(0)));
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return new Shape[] {inputShapes[0]};
    }
}
