package io.github.maskalign.sit;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import ai.djl.util.PairList;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;
import org.jspecify.annotations.Nullable;

/**
 * Puts the noised class token (N, Z) in front of the patches (N, T, D): LayerNorm(Linear(cls)), REG section 3. Its
 * parameters stand at the top of the official state dict, so this child has no name of its own.
 */
final class ClassTokenEmbedder extends ScriptedBlock {
    private final ScriptFunction function;

    ClassTokenEmbedder(SiTConfig config, Precision precision) {
        int width = config.hiddenSize();
        linear("cls_projectors2", config.classTokenWidth(), width);
        parameter("wg_norm.weight", new Shape(width), Initializer.ONES);
        parameter("wg_norm.bias", new Shape(width), Initializer.ZEROS);
        function = ScriptFunction.of(ClassTokenEmbedder.class, "class_token.py", "prepend_class_token")
                .bind("bf16", precision == Precision.BFLOAT16);
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        return function.call(arguments(store, training, inputs.get(0), inputs.get(1), inputs.get(2)));
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        Shape tokens = inputShapes[0];
        return new Shape[] {new Shape(tokens.get(0), tokens.get(1) + 1, tokens.get(2))};
    }
}
