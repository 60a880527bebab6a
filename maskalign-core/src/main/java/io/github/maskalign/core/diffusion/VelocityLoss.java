package io.github.maskalign.core.diffusion;

import ai.djl.ndarray.NDArray;
import io.github.maskalign.core.script.ScriptFunction;

/**
 * Squared error of the predicted velocity, for each sample averaged over all its values: shape (N), float32.
 *
 * <p>The batch's loss is the mean of these. With MaskAlign only the visible patches count (section 4,
 * {@code (1/N_m) Σ_{i∈S} ‖v̂_i − v*_i‖²}, each norm a mean over the p²·C values of a patch).
 */
public final class VelocityLoss {
    private static final String FILE = "velocity_loss.py";
    private static final ScriptFunction ALL = ScriptFunction.of(VelocityLoss.class, FILE, "velocity_loss");
    private static final ScriptFunction VISIBLE = ScriptFunction.of(VelocityLoss.class, FILE, "visible_velocity_loss");

    private VelocityLoss() {}

    /**
     * Loss over everything: predicted and target have the same shape (N, ...).
     *
     * @throws IllegalArgumentException if the shapes differ
     */
    public static NDArray perSample(NDArray predicted, NDArray target) {
        if (!predicted.getShape().equals(target.getShape())) {
            throw new IllegalArgumentException("predicted velocity has shape " + predicted.getShape()
                    + " but its target has " + target.getShape());
        }
        return ALL.callForOne(predicted, target);
    }

    /**
     * Loss over the kept patches.
     *
     * @param predicted token-space velocity (N, K, p²·C), channel fastest
     * @param target velocity (N, C, H, W)
     * @param keep kept patches (N, K), int64
     * @param patch patch side p
     */
    public static NDArray visiblePerSample(NDArray predicted, NDArray target, NDArray keep, int patch) {
        return VISIBLE.callForOne(predicted, target, keep, patch);
    }
}
