package io.github.maskalign.sit;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.nn.Initializers;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;

/** Adds the row of label y (N) to the time embedding (N, D): the condition c (N, D). */
final class LabelEmbedder extends ScriptedBlock {
    LabelEmbedder(int rows, int width) {
        super(ScriptFunction.of(LabelEmbedder.class, "sit.py", "condition"));
        parameter("embedding_table.weight", new Shape(rows, width), Initializers.NORMAL_002);
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return new Shape[] {inputShapes[1]};
    }
}
