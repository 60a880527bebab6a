package io.github.maskalign.encoders.vae;

import ai.djl.ndarray.types.Shape;
import ai.djl.training.initializer.Initializer;
import io.github.maskalign.core.nn.Initializers;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;

/** Norm, SiLU and convolution at the end of encoder and decoder. */
final class Closing extends ScriptedBlock {
    private final int out;

    Closing(int in, int out, int groups, Precision precision) {
        super(ScriptFunction.of(Closing.class, "vae.py", "closing")
                .bind("groups", groups)
                .bind("bf16", precision == Precision.BFLOAT16));
        this.out = out;
        norm("conv_norm_out", in);
        parameter("conv_out.weight", new Shape(out, in, 3, 3), Initializers.XAVIER_UNIFORM);
        parameter("conv_out.bias", new Shape(out), Initializer.ZEROS);
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        Shape x = inputShapes[0];
        return new Shape[] {new Shape(x.get(0), out, x.get(2), x.get(3))};
    }
}
