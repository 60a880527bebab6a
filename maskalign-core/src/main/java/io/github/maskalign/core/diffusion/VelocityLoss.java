package io.github.maskalign.core.diffusion;

import ai.djl.ndarray.NDArray;
import io.github.maskalign.core.script.ScriptFunction;

/**
 * Squared error of the predicted velocity, for each sample averaged over all its values: shape (N), float32.
 *
 * <p>The batch's loss is the mean of these. With MaskAlign only the visible patches are given, on both sides (section
 * 4, {@code (1/N_m) Σ_{i∈S} ‖v̂_i − v*_i‖²}, each norm a mean over the p²·C values of a patch).
 */
public final class VelocityLoss {
    private static final ScriptFunction FUNCTION = ScriptFunction.of(VelocityLoss.class, "losses.py", "velocity_loss");

    private VelocityLoss() {}

    /**
     * Returns the loss of each sample.
     *
     * @param predicted (N, ...), such as latents (N, C, H, W) or kept patches (N, K, p²·C)
     * @param target same shape, float32
     *
     * @throws IllegalArgumentException if the shapes differ
     */
    public static NDArray perSample(NDArray predicted, NDArray target) {
        if (!predicted.getShape().equals(target.getShape())) {
            throw new IllegalArgumentException("predicted velocity has shape " + predicted.getShape()
                    + " but its target has " + target.getShape());
        }
        return FUNCTION.callForOne(predicted, target);
    }
}
