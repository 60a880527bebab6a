package io.github.maskalign.encoders.text;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.nn.Initializers;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;

/** From ids (N, T), int64, to tokens with positions (N, T, D). */
final class TokenPositions extends ScriptedBlock {
    private static final ScriptFunction FUNCTION =
            ScriptFunction.of(TokenPositions.class, "clip_text.py", "embed_tokens");

    private final int width;

    TokenPositions(ClipTextConfig config) {
        super(FUNCTION);
        width = config.width();
        parameter("token_embedding.weight", new Shape(config.vocabulary(), width), Initializers.NORMAL_002);
        parameter("position_embedding.weight", new Shape(config.length(), width), Initializers.NORMAL_002);
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return new Shape[] {inputShapes[0].add(width)};
    }
}
