package io.github.maskalign.sit.parity;

import org.jspecify.annotations.Nullable;

/**
 * How far a re-computed case is from its reference. Errors are ‖a − b‖ / ‖b‖ for each tensor.
 *
 * @param name file name of the case without its ending
 * @param maxOutputError largest error of an output
 * @param maxGradError largest error of a gradient; null if the case has none
 * @param worstKey the tensor whose error is largest, measured against its limit
 * @param pass whether all outputs are within 1e-5 and all gradients within 1e-4
 */
public record ParityResult(
        String name, double maxOutputError, @Nullable Double maxGradError, String worstKey, boolean pass) {
    /** Largest error of an output that passes: float32 over a whole model. */
    public static final double OUTPUT_LIMIT = 1e-5;

    /** Largest error of a gradient that passes: float32, sums over tokens and samples. */
    public static final double GRAD_LIMIT = 1e-4;
}
