package io.github.maskalign.core.align;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.nn.internal.Initializers;
import io.github.maskalign.core.script.ScriptFunction;

/**
 * iREPA's projection head: one convolution over the grid of patch tokens, as large as it was.
 *
 * <p>Input: all patch tokens (N, T, D) in row-major order, T = G². Output: (N, T, Z), float32. Weights begin as PyTorch's
 * convolutions do, U(±1/√(D k²)). Source: iREPA, {@code ldm/models/sit.py}, whose kernel is 3 in the paper.
 */
public final class ConvProjector extends ScriptedBlock {
    private final long encoderWidth;

    /**
     * Creates a projector.
     *
     * @param width token width D
     * @param encoderWidth width Z of the encoder's tokens
     * @param grid side G of the grid
     * @param kernel side k of the kernel, odd
     * @param precision arithmetic of the convolution
     */
    public ConvProjector(int width, int encoderWidth, int grid, int kernel, Precision precision) {
        super(ScriptFunction.of(ScriptedBlock.class, "block.py", "conv_projector")
                .bind("grid", grid)
                .bind("bf16", precision == Precision.BFLOAT16));
        if (kernel < 1 || kernel % 2 == 0) {
            throw new IllegalArgumentException("kernel must be odd but was " + kernel);
        }
        this.encoderWidth = encoderWidth;
        long fanIn = (long) width * kernel * kernel;
        parameter("weight", new Shape(encoderWidth, width, kernel, kernel), Initializers.convolution(fanIn));
        parameter("bias", new Shape(encoderWidth), Initializers.convolution(fanIn));
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return new Shape[] {new Shape(inputShapes[0].get(0), inputShapes[0].get(1), encoderWidth)};
    }
}
