package io.github.maskalign.encoders.vit;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import ai.djl.util.PairList;
import io.github.maskalign.core.nn.Initializers;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.nn.SinCosPositions;
import io.github.maskalign.core.script.ScriptFunction;
import org.jspecify.annotations.Nullable;

/** From pictures (N, 3, H, W) to tokens with positions (N, 1 + T, D), the class token first. */
final class TokenEmbedding extends ScriptedBlock {
    private final int patch;
    private final int width;
    private final ScriptFunction function;

    TokenEmbedding(VitConfig config) {
        patch = config.patchSize();
        width = config.width();
        parameter("cls_token", new Shape(1, 1, width), Initializers.NORMAL_002);
        // from sines and cosines on, so that a fresh model can already tell patches apart
        Initializer positions = Initializers.constant(SinCosPositions.table(width, config.grid(), 1));
        parameter("pos_embed", new Shape(1, 1L + config.grid() * config.grid(), width), positions);
        parameter("patch_embed.proj.weight", new Shape(width, 3, patch, patch), Initializers.XAVIER_UNIFORM);
        parameter("patch_embed.proj.bias", new Shape(width), Initializer.ZEROS);
        function = ScriptFunction.of(TokenEmbedding.class, "token_embedding.py", "token_embedding")
                .bind("patch", patch)
                .bind("grid", config.grid());
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        return function.call(arguments(store, training, inputs.get(0)));
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        Shape image = inputShapes[0];
        return new Shape[] {new Shape(image.get(0), 1 + image.get(2) / patch * (image.get(3) / patch), width)};
    }
}
