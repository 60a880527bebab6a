package io.github.maskalign.encoders.vae;

import ai.djl.ndarray.types.Shape;
import ai.djl.training.initializer.Initializer;
import io.github.maskalign.core.nn.Initializers;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;

/** A convolution (N, C, H, W) to (N, C', H', W'), alone or with what comes before it. */
final class Convolution extends ScriptedBlock {
    /** What is done besides the convolution. */
    enum Kind {
        /** Nothing; as many pixels out as in. */
        SAME("same_convolution"),
        /** The side is halved. */
        DOWN("downsample"),
        /** The side is doubled. */
        UP("upsample");

        private final String function;

        Kind(String function) {
            this.function = function;
        }
    }

    private final Kind kind;
    private final int out;

    Convolution(Kind kind, int in, int out, int kernel, Precision precision) {
        super(ScriptFunction.of(Convolution.class, "vae.py", kind.function)
                .bind("bf16", precision == Precision.BFLOAT16));
        this.kind = kind;
        this.out = out;
        parameter("weight", new Shape(out, in, kernel, kernel), Initializers.XAVIER_UNIFORM);
        parameter("bias", new Shape(out), Initializer.ZEROS);
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
