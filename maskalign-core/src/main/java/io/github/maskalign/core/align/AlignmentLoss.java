package io.github.maskalign.core.align;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import ai.djl.training.loss.Loss;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.core.script.ScriptFunction;

/**
 * Representation alignment: minus the mean cosine between projected hidden tokens and clean-image tokens.
 *
 * <p>{@code L = -(1 / (E·N·T)) Σ cos(z, ẑ)} over E encoders, N samples and T tokens, a number in [-1, 1]. Norms are
 * clamped from below at 1e-12, so zero rows give 0 and not NaN. MaskAlign gives it the class token and the kept
 * patches alone, on both sides ({@code TokenRows.gather}).
 *
 * <p>As a DJL loss it takes the encoders' targets as labels and the projected tokens as predictions, each (N, T, Z),
 * in the same order. Targets are constants: no gradient flows to them unless they require one.
 *
 * <p>Source: REPA (arXiv 2410.06940) eq. 8 and its {@code loss.py}; MaskAlign (arXiv 2606.08788) section 4.
 */
public final class AlignmentLoss extends Loss {
    private static final ScriptFunction FUNCTION = ScriptFunction.of(Interpolant.class, "losses.py", "alignment_loss");

    /** Creates the loss. */
    public AlignmentLoss() {
        super("alignment");
    }

    /**
     * Returns the loss of one encoder, 0-d float32.
     *
     * @param projected (N, T, Z), float32
     * @param target (N, T, Z), float32
     * @throws IllegalArgumentException if shapes or types are others
     */
    public static NDArray of(NDArray projected, NDArray target) {
        if (!projected.getShape().equals(target.getShape())) {
            throw new IllegalArgumentException("projected tokens have shape " + projected.getShape()
                    + " but their targets have " + target.getShape());
        }
        if (projected.getShape().dimension() != 3
                || projected.getDataType() != DataType.FLOAT32
                || target.getDataType() != DataType.FLOAT32) {
            throw new IllegalArgumentException("projected tokens and targets must be float32 (N, T, Z) but were "
                    + projected.getDataType() + " and " + target.getDataType() + " " + target.getShape());
        }
        return FUNCTION.callForOne(projected, target);
    }

    @Override
    public NDArray evaluate(NDList targets, NDList projected) {
        if (targets.size() != projected.size() || targets.isEmpty()) {
            throw new IllegalArgumentException("alignment needs one target for each projected output but was given "
                    + targets.size() + " for " + projected.size());
        }
        NDArray sum = of(projected.get(0), targets.get(0));
        for (int i = 1; i < projected.size(); i++) {
            sum = sum.add(of(projected.get(i), targets.get(i)));
        }
        return projected.size() == 1 ? sum : Autograd.divide(sum, projected.size());
    }
}
