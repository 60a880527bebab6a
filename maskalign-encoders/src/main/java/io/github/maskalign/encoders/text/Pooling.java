package io.github.maskalign.encoders.text;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import io.github.maskalign.core.nn.Initializers;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;
import org.jspecify.annotations.Nullable;

/** From tokens (N, T, D) and the place (N) of one of each caption, int64, to (N, P): that token, projected or not. */
final class Pooling extends ScriptedBlock {
    private static final ScriptFunction TAKE = ScriptFunction.of(Pooling.class, "clip_text.py", "token_at");
    private static final ScriptFunction PROJECT = ScriptFunction.of(Pooling.class, "clip_text.py", "projected");

    private final int projection;

    /** @param projection P, or 0 for a model without projection */
    Pooling(ClipTextConfig config, int projection) {
        super(PROJECT);
        this.projection = projection;
        if (projection > 0) {
            parameter("text_projection.weight", new Shape(projection, config.width()), Initializers.XAVIER_UNIFORM);
        }
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        NDList token = TAKE.call(inputs.get(0), inputs.get(1)); // (N, D)
        return projection == 0 ? token : super.forwardInternal(store, token, training, params);
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        Shape tokens = inputShapes[0];
        return new Shape[] {new Shape(tokens.get(0), projection == 0 ? tokens.get(2) : projection)};
    }
}
