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

    private static final ScriptFunction MEAN = ScriptFunction.of(VelocityLoss.class, "losses.py", "mean_velocity_loss");

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
        requireFits(predicted, target);
        return FUNCTION.callForOne(predicted, target);
    }

    /**
     * Returns the mean of the samples' losses, 0-d float32.
     *
     * @param predicted as for {@link #perSample}
     * @param target same shape, float32
     * @throws IllegalArgumentException if the shapes differ
     */
    public static NDArray mean(NDArray predicted, NDArray target) {
        requireFits(predicted, target);
        return MEAN.callForOne(predicted, target);
    }

    private static void requireFits(NDArray predicted, NDArray target) {
        if (!predicted.getShape().equals(target.getShape())) {
            throw new IllegalArgumentException("predicted velocity has shape " + predicted.getShape()
                    + " but its target has " + target.getShape());
        }
    }
}
