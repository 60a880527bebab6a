package io.github.maskalign.encoders.vae;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import ai.djl.util.PairList;
import io.github.maskalign.core.nn.Initializers;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;
import org.jspecify.annotations.Nullable;

/** Norm, SiLU and convolution at the end of encoder and decoder. */
final class Closing extends ScriptedBlock {
    private final int out;
    private final ScriptFunction function;

    Closing(int in, int out, int groups, Precision precision) {
        this.out = out;
        parameter("conv_norm_out.weight", new Shape(in), Initializer.ONES);
        parameter("conv_norm_out.bias", new Shape(in), Initializer.ZEROS);
        parameter("conv_out.weight", new Shape(out, in, 3, 3), Initializers.XAVIER_UNIFORM);
        parameter("conv_out.bias", new Shape(out), Initializer.ZEROS);
        function = ScriptFunction.of(Closing.class, "convolution.py", "closing")
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
        Shape x = inputShapes[0];
        return new Shape[] {new Shape(x.get(0), out, x.get(2), x.get(3))};
    }
}
