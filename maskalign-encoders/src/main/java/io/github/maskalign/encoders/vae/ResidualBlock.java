package io.github.maskalign.encoders.vae;

import ai.djl.ndarray.types.Shape;
import ai.djl.training.initializer.Initializer;
import io.github.maskalign.core.nn.Initializers;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;

/** Two times norm, SiLU and 3 × 3 convolution, added to the input: (N, C, H, W) to (N, C', H, W). */
final class ResidualBlock extends ScriptedBlock {
    private final int out;

    ResidualBlock(int in, int out, int groups, Precision precision) {
        super(ScriptFunction.of(ResidualBlock.class, "vae.py", "residual_block")
                .bind("groups", groups)
                .bind("bf16", precision == Precision.BFLOAT16));
        this.out = out;
        norm("norm1", in);
        convolution("conv1", in, out, 3);
        norm("norm2", out);
        convolution("conv2", out, out, 3);
        if (in != out) {
            convolution("conv_shortcut", in, out, 1);
        }
    }

    private void convolution(String name, int in, int width, int kernel) {
        parameter(name + ".weight", new Shape(width, in, kernel, kernel), Initializers.XAVIER_UNIFORM);
        parameter(name + ".bias", new Shape(width), Initializer.ZEROS);
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        Shape x = inputShapes[0];
        return new Shape[] {new Shape(x.get(0), out, x.get(2), x.get(3))};
    }
}
