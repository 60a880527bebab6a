package io.github.maskalign.core.align;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import ai.djl.util.PairList;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;
import org.jspecify.annotations.Nullable;

/** Unconditioned mixing layer: x + Attention(LN(x)), then x + MLP(LN(x)), with affine norms and no gates. */
final class PreNormBlock extends ScriptedBlock {
    private final ScriptFunction function;

    PreNormBlock(int width, int heads, double mlpRatio, Precision precision) {
        if (heads < 1 || width % heads != 0) {
            throw new IllegalArgumentException(
                    "mixer.heads must divide the mixer's width " + width + " but was " + heads);
        }
        norm("norm1", width);
        linear("attn.qkv", width, 3L * width);
        linear("attn.proj", width, width);
        norm("norm2", width);
        linear("mlp.fc1", width, (long) (width * mlpRatio));
        linear("mlp.fc2", (long) (width * mlpRatio), width);
        function = ScriptFunction.of(PreNormBlock.class, "pre_norm_block.py", "pre_norm_block")
                .bind("heads", heads)
                .bind("bf16", precision == Precision.BFLOAT16);
    }

    private void norm(String name, int width) {
        parameter(name + ".weight", new Shape(width), Initializer.ONES);
        parameter(name + ".bias", new Shape(width), Initializer.ZEROS);
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        return function.call(arguments(store, training, inputs.get(0)));
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return new Shape[] {inputShapes[0]};
    }
}
