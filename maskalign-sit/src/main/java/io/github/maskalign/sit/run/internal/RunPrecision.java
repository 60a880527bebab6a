package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.engine.internal.TensorFloat32;
import io.github.maskalign.core.nn.Precision;
import java.io.Closeable;

/** Arithmetic of the matrix products of a whole process. Weights, norms, losses and optimiser are float32 in each. */
public enum RunPrecision {
    /** Everything in float32. */
    FLOAT32,
    /** Everything in float32, but GPUs may round the operands of products to TensorFloat-32. */
    TF32,
    /** Operands of linear layers and attention are rounded to bfloat16. */
    BFLOAT16;

    /** Returns what the blocks of a model do. */
    public Precision ofBlocks() {
        return this == BFLOAT16 ? Precision.BFLOAT16 : Precision.FLOAT32;
    }

    /** Switches the engine, until the result is closed. */
    public Closeable enter() {
        return this == TF32 ? TensorFloat32.on()::close : () -> {};
    }
}
