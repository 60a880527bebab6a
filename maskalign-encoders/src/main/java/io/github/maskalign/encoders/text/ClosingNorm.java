package io.github.maskalign.encoders.text;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import ai.djl.util.PairList;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;
import org.jspecify.annotations.Nullable;

/** The norm behind the last block: (N, T, D) to (N, T, D). */
final class ClosingNorm extends ScriptedBlock {
    private final ScriptFunction function;

    ClosingNorm(ClipTextConfig config) {
        parameter("weight", new Shape(config.width()), Initializer.ONES);
        parameter("bias", new Shape(config.width()), Initializer.ZEROS);
        function = ScriptFunction.of(ClosingNorm.class, "clip_text.py", "closing_norm")
                .bind("eps", config.eps());
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
