package io.github.maskalign.encoders.text;

import ai.djl.ndarray.types.Shape;
import ai.djl.training.initializer.Initializer;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;

/** The norm behind the last block: (N, T, D) to (N, T, D). */
final class ClosingNorm extends ScriptedBlock {
    ClosingNorm(ClipTextConfig config) {
        super(ScriptFunction.of(ClosingNorm.class, "clip_text.py", "closing_norm")
                .bind("eps", config.eps()));
        parameter("weight", new Shape(config.width()), Initializer.ONES);
        parameter("bias", new Shape(config.width()), Initializer.ZEROS);
    }
}
