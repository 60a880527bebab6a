package io.github.maskalign.encoders.vae;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import ai.djl.util.PairList;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;
import org.jspecify.annotations.Nullable;

/** Attention of one head between the pixels of (N, C, H, W), added to them. */
final class PixelAttention extends ScriptedBlock {
    private final ScriptFunction function;

    PixelAttention(int width, int groups, Precision precision) {
        parameter("group_norm.weight", new Shape(width), Initializer.ONES);
        parameter("group_norm.bias", new Shape(width), Initializer.ZEROS);
        linear("to_q", width, width);
        linear("to_k", width, width);
        linear("to_v", width, width);
        linear("to_out.0", width, width);
        function = ScriptFunction.of(PixelAttention.class, "pixel_attention.py", "pixel_attention")
                .bind("groups", groups)
                .bind("bf16", precision == Precision.BFLOAT16);
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
