package io.github.maskalign.encoders.vit;

import ai.djl.ndarray.types.Shape;
import ai.djl.training.initializer.Initializer;
import io.github.maskalign.core.nn.Initializers;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.nn.internal.SinCosPositions;
import io.github.maskalign.core.script.ScriptFunction;

/** From pictures (N, 3, H, W) to tokens with positions (N, T, D), class token and registers first. */
final class TokenEmbedding extends ScriptedBlock {
    private final int patch;
    private final int width;
    private final int before;

    TokenEmbedding(VitConfig config) {
        super(ScriptFunction.of(TokenEmbedding.class, "vit.py", "token_embedding")
                .bind("patch", config.patchSize())
                .bind("grid", config.grid())
                .bind("rule", config.parts().positions().scriptRule));
        VitParts parts = config.parts();
        patch = config.patchSize();
        width = config.width();
        before = parts.before();
        int table = parts.classToken() ? 1 : 0;
        if (parts.classToken()) {
            parameter("cls_token", new Shape(1, 1, width), Initializers.NORMAL_002);
        }
        // from sines and cosines on, so that a fresh model can already tell patches apart
        Initializer positions = width % 4 == 0
                ? Initializers.constant(SinCosPositions.table(width, config.grid(), table))
                : Initializers.NORMAL_002;
        parameter("pos_embed", new Shape(1, (long) table + config.grid() * config.grid(), width), positions);
        if (parts.registers() > 0) {
            parameter("register_tokens", new Shape(1, parts.registers(), width), Initializers.NORMAL_002);
        }
        parameter("patch_embed.proj.weight", new Shape(width, 3, patch, patch), Initializers.XAVIER_UNIFORM);
        if (parts.patchBias()) {
            parameter("patch_embed.proj.bias", new Shape(width), Initializer.ZEROS);
        }
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        Shape image = inputShapes[0];
        return new Shape[] {new Shape(image.get(0), before + image.get(2) / patch * (image.get(3) / patch), width)};
    }
}
