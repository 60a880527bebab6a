package io.github.maskalign.core.nn;

/** Arithmetic of matrix products and attention. Weights, residual stream, norms and losses are float32 in both. */
public enum Precision {
    /** Everything in float32. */
    FLOAT32,
    /** Operands of linear layers and attention are rounded to bfloat16, as PyTorch's autocast does. */
    BFLOAT16
}
