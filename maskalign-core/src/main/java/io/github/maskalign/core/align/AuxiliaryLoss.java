package io.github.maskalign.core.align;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.training.loss.Loss;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.script.ScriptFunction;

/**
 * A term that a relative of MaskAlign adds to the loss: one script function of {@code losses.py} over what a model hands
 * out, and mostly a target. Its weight is not in it. As a DJL {@link Loss} it takes the target as label.
 */
public final class AuxiliaryLoss extends Loss {
    private final ScriptFunction function;
    private final int inputs;

    private AuxiliaryLoss(String name, String script, int inputs) {
        this(name, ScriptFunction.of(Interpolant.class, "losses.py", script), inputs);
    }

    private AuxiliaryLoss(String name, ScriptFunction function, int inputs) {
        super(name);
        this.function = function;
        this.inputs = inputs;
    }

    /**
     * LayerSync: minus the mean cosine between hidden tokens (N, T, D) and those of a later block, through which no
     * gradient flows. Source: LayerSync's {@code transport.py}.
     */
    public static AuxiliaryLoss layerSync() {
        return new AuxiliaryLoss("layer-sync", "layer_sync", 2);
    }

    /**
     * Dispersive loss: {@code log mean_ij exp(−‖z_i − z_j‖² / (T·D))} over the samples of a batch, each with itself too, of
     * hidden tokens (N, T, D). It looks at the micro-batch of one process: other sizes give other values. Source: the
     * code of EqM by the authors of the dispersive loss.
     */
    public static AuxiliaryLoss dispersive() {
        return new AuxiliaryLoss("dispersive", "dispersive", 1);
    }

    /**
     * Contrastive flow matching: {@code mean((v̂ − v*')²)} with v*' the target of the sample before in the batch; its weight
     * is negative, −0.05 as published. Predictions and targets have any shape (N, ...). Source: contrastive flow matching as in SR-DiT.
     */
    public static AuxiliaryLoss contrastiveFlow() {
        return new AuxiliaryLoss("contrastive", "contrastive_flow", 2);
    }

    /**
     * Attention distillation: the cross-entropy {@code −mean Σ_k p_k log q_k} of the attention q of a model's first H heads
     * with the attention p of a teacher, whose class row and column are left out. Logits before the softmax, scaled: the
     * student's (N, h, T, T) with h ≥ H, the teacher's (N, H, 1+T, 1+T). Source: HASTE, {@code loss.py}.
     */
    public static AuxiliaryLoss attentionDistillation() {
        return new AuxiliaryLoss("attention", "attention_distillation", 2);
    }

    /**
     * Self-alignment: {@code 1 − mean cos} of projected hidden tokens (N, T, D) and those that the model's moving average
     * gives for less noise, through which no gradient flows. Source: SRA (arXiv 2505.02831), {@code SiT-SRA/loss.py}.
     *
     * @param overTokens whether the cosine is that of a channel's T values at all tokens instead of a token's D channels
     */
    public static AuxiliaryLoss selfAlignment(boolean overTokens) {
        return new AuxiliaryLoss(
                "self-align",
                ScriptFunction.of(Interpolant.class, "losses.py", "self_alignment")
                        .bind("over_tokens", overTokens),
                2);
    }

    /**
     * Masked patches (MaskDiT): mean over samples, and over the patches that a sample does not keep, of {@code mean((x̂ − z)²)}
     * with z the noised patch less its mean, over the root of its unbiased variance + 1e-6 (MAE's rule). It takes predicted
     * clean patches x̂ (N, T, P) with P at least 2, the noised ones (N, T, P) and the kept indices (N, K), K below T. Weight
     * 0.1 as published. Source: MaskDiT's {@code train_utils/loss.py}.
     */
    public static AuxiliaryLoss maskedPatches() {
        return new AuxiliaryLoss("masked-patches", "masked_patches", 3);
    }

    /**
     * Returns the value, 0-d float32, differentiable by the first array.
     *
     * @param arrays the prediction and, as far as the term has them, the target and the kept indices
     * @throws IllegalArgumentException if their number is wrong or their shapes do not fit
     */
    public NDArray of(NDArray... arrays) {
        if (arrays.length != inputs) {
            throw new IllegalArgumentException(
                    getName() + " takes " + inputs + " arrays but was given " + arrays.length);
        }
        if (function.name().equals("attention_distillation")) {
            requireAttention(arrays[0], arrays[1]);
        } else if (inputs >= 2 && !arrays[0].getShape().equals(arrays[1].getShape())) {
            throw new IllegalArgumentException(getName() + ": the prediction has shape " + arrays[0].getShape()
                    + " but the target has " + arrays[1].getShape());
        }
        return function.callForOne((Object[]) arrays);
    }

    private static void requireAttention(NDArray student, NDArray teacher) {
        long[] q = student.getShape().getShape();
        long[] p = teacher.getShape().getShape();
        boolean fits = q.length == 4
                && p.length == 4
                && q[0] == p[0]
                && q[1] >= p[1]
                && q[2] == q[3]
                && p[2] == q[2] + 1
                && p[3] == q[3] + 1;
        if (!fits) {
            throw new IllegalArgumentException(
                    "attention: a student (N, h, T, T) follows a teacher (N, H, 1+T, 1+T) with H at most h, but they have "
                            + student.getShape() + " and " + teacher.getShape());
        }
    }

    @Override
    public NDArray evaluate(NDList targets, NDList predictions) {
        if (inputs == 1) {
            return of(predictions.singletonOrThrow());
        }
        NDList all = new NDList(predictions.singletonOrThrow());
        all.addAll(targets);
        return of(all.toArray(new NDArray[0]));
    }
}
