package io.github.maskalign.sit;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;

/**
 * Puts the noised class token (N, Z) in front of the patches (N, T, D): LayerNorm(Linear(cls)), REG section 3. Its
 * parameters stand at the top of the official state dict, so this child has no name of its own.
 */
final class ClassTokenEmbedder extends ScriptedBlock {
    ClassTokenEmbedder(SiTConfig config, Precision precision) {
        super(ScriptFunction.of(ClassTokenEmbedder.class, "sit.py", "prepend_class_token")
                .bind("bf16", precision == Precision.BFLOAT16));
        int width = config.model().hiddenSize();
        linear("cls_projectors2", config.classTokenWidth(), width);
        norm("wg_norm", width);
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        Shape tokens = inputShapes[0];
        return new Shape[] {new Shape(tokens.get(0), tokens.get(1) + 1, tokens.get(2))};
    }
}
