package io.github.maskalign.core.align;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;

/**
 * REPA's projection head: Linear, SiLU, Linear, SiLU, Linear on every token.
 *
 * <p>Input: hidden tokens (N, T, D). Output: (N, T, Z) in the encoder's width, float32. Used in training only,
 * kept in checkpoints. Source: REPA (arXiv 2410.06940), section 3.
 */
public final class Projector extends ScriptedBlock {
    private final long encoderWidth;

    /**
     * Creates a projector.
     *
     * @param width token width D
     * @param hidden width of both hidden layers; 2048 as published
     * @param encoderWidth width Z of the encoder's tokens
     * @param precision arithmetic of the matrix products
     */
    public Projector(int width, int hidden, int encoderWidth, Precision precision) {
        super(ScriptFunction.of(ScriptedBlock.class, "block.py", "projector")
                .bind("bf16", precision == Precision.BFLOAT16));
        this.encoderWidth = encoderWidth;
        linear("0", width, hidden);
        linear("2", hidden, hidden);
        linear("4", hidden, encoderWidth);
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return new Shape[] {new Shape(inputShapes[0].get(0), inputShapes[0].get(1), encoderWidth)};
    }
}
