package io.github.maskalign.encoders.vit;

import ai.djl.ndarray.types.Shape;
import ai.djl.training.initializer.Initializer;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;

/** LayerNorm of (N, T, D) over the width. */
final class TokenNorm extends ScriptedBlock {
    TokenNorm(int width, double eps) {
        super(ScriptFunction.of(TokenNorm.class, "vit.py", "token_norm").bind("eps", eps));
        parameter("weight", new Shape(width), Initializer.ONES);
        parameter("bias", new Shape(width), Initializer.ZEROS);
    }
}
