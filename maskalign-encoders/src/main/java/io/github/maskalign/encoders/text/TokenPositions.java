package io.github.maskalign.encoders.text;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import io.github.maskalign.core.nn.Initializers;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;
import org.jspecify.annotations.Nullable;

/** From ids (N, T), int64, to tokens with positions (N, T, D). */
final class TokenPositions extends ScriptedBlock {
    private static final ScriptFunction FUNCTION =
            ScriptFunction.of(TokenPositions.class, "clip_text.py", "embed_tokens");

    private final int width;

    TokenPositions(ClipTextConfig config) {
        width = config.width();
        parameter("token_embedding.weight", new Shape(config.vocabulary(), width), Initializers.NORMAL_002);
        parameter("position_embedding.weight", new Shape(config.length(), width), Initializers.NORMAL_002);
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        return FUNCTION.call(arguments(store, training, inputs.get(0)));
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return new Shape[] {inputShapes[0].add(width)};
    }
}
