package io.github.maskalign.core.align;

import ai.djl.ndarray.types.Shape;
import ai.djl.training.initializer.Initializer;
import io.github.maskalign.core.nn.Initializers;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;

/** Linear way into and out of a mixer that is narrower than the model; the way out adds to the tokens. */
final class WidthChange extends ScriptedBlock {
    private final long out;

    private WidthChange(long out, String function, Precision precision) {
        super(ScriptFunction.of(ScriptedBlock.class, "block.py", function)
                .bind("bf16", precision == Precision.BFLOAT16));
        this.out = out;
    }

    static WidthChange down(int in, int out, Precision precision) {
        WidthChange block = new WidthChange(out, "narrow", precision);
        block.addLinear(in, false);
        return block;
    }

    static WidthChange up(int in, int out, Precision precision) {
        WidthChange block = new WidthChange(out, "widen_onto", precision);
        block.addLinear(in, true);
        return block;
    }

    private void addLinear(int in, boolean zero) {
        parameter("weight", new Shape(out, in), zero ? Initializer.ZEROS : Initializers.XAVIER_UNIFORM);
        parameter("bias", new Shape(out), Initializer.ZEROS);
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return new Shape[] {new Shape(inputShapes[0].get(0), inputShapes[0].get(1), out)};
    }
}
