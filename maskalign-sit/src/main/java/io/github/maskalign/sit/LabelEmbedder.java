package io.github.maskalign.sit;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import io.github.maskalign.core.nn.Initializers;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;
import org.jspecify.annotations.Nullable;

/** Adds the row of label y (N) to the time embedding (N, D): the condition c (N, D). */
final class LabelEmbedder extends ScriptedBlock {
    private final ScriptFunction function;

    LabelEmbedder(int rows, int width) {
        parameter("embedding_table.weight", new Shape(rows, width), Initializers.NORMAL_002);
        function = ScriptFunction.of(LabelEmbedder.class, "label_embedder.py", "condition");
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        return function.call(arguments(store, training, inputs.get(0), inputs.get(1)));
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return new Shape[] {inputShapes[1]};
    }
}
