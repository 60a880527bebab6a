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

/** A convolution (N, C, H, W) to (N, C', H', W'), alone or with what comes before it. */
final class Convolution extends ScriptedBlock {
    /** What is done besides the convolution. */
    enum Kind {
        /** Nothing; as many pixels out as in. */
        SAME,
        /** The side is halved. */
        DOWN,
        /** The side is doubled. */
        UP
    }

    private final Kind kind;
    private final int out;
    private final ScriptFunction function;

    Convolution(Kind kind, int in, int out, int kernel, Precision precision) {
        this.kind = kind;
        this.out = out;
        parameter("weight", new Shape(out, in, kernel, kernel), Initializers.XAVIER_UNIFORM);
        parameter("bias", new Shape(out), Initializer.ZEROS);
        String name = switch (kind) {
            case SAME -> "same_convolution";
            case DOWN -> "downsample";
            case UP -> "upsample";
        };
        function = ScriptFunction.of(Convolution.class, "convolution.py", name)
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
        return new Shape[] {
            switch (kind) {
                case SAME -> new Shape(x.get(0), out, x.get(2), x.get(3));
                case DOWN -> new Shape(x.get(0), out, x.get(2) / 2, x.get(3) / 2);
                case UP -> new Shape(x.get(0), out, 2 * x.get(2), 2 * x.get(3));
            }
        };
    }
}
