package io.github.maskalign.core.diffusion;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.script.ScriptFunction;

/**
 * The loss of a network that predicts noise and variance on DDPM's chain, as DiT is trained.
 *
 * <pre>
 *   state    x_n = √ᾱ_n x* + √(1 − ᾱ_n) ε
 *   noise    mean((ε̂ − ε)²)
 *   bound    KL(q(x_{n−1} | x_n, x*) ‖ N(μ(x_n, stop(ε̂)), exp(f log β_n + (1 − f) log β̃_n))) in bits, f = (v + 1) / 2
 * </pre>
 *
 * <p>where ε̂ and v are the first and last C of the network's 2C channels, and at n = 0 the bound is minus the log probability of
 * x* in bins of 2/255. Both have the shape (N), float32; the batch's loss is the mean of their sum, without a factor. The chain
 * is {@link NoiseSchedule}; a time t in [0, 1] names its step round(1000 t), at most 999. Source: Nichol and Dhariwal 2021
 * (arXiv 2102.09672, section 3.1), and facebookresearch/DiT, {@code diffusion/gaussian_diffusion.py}, {@code training_losses}
 * with {@code LossType.MSE} and {@code LEARNED_RANGE}.
 */
public final class DdpmLoss {
    private static final ScriptFunction STATE = function("state");
    private static final ScriptFunction STEPS = function("steps");
    private static final ScriptFunction LOSSES = function("losses");
    private static final ScriptFunction MIN_SNR = function("min_snr");

    private DdpmLoss() {}

    private static ScriptFunction function(String name) {
        return ScriptFunction.of(DdpmLoss.class, "ddpm.py", name);
    }

    /**
     * The two losses of each sample.
     *
     * @param noise mean squared error of the noise (N)
     * @param bound variational bound in bits (N), which has no gradient to the predicted noise
     */
    public record Parts(NDArray noise, NDArray bound) {}

    /**
     * The state on the way.
     *
     * @param clean x* (N, ...), float32
     * @param noise ε, same shape
     * @param t times (N) in [0, 1]
     * @throws IllegalArgumentException if shapes do not fit
     */
    public static NDArray state(NDArray clean, NDArray noise, NDArray t) {
        requireAlike(clean, noise, t);
        return STATE.callForOne(clean, noise, t);
    }

    /** Returns the steps n that times t (N) in [0, 1] name, 0 to 999, float32: what the network's time embedding takes. */
    public static NDArray steps(NDArray t) {
        return STEPS.callForOne(t);
    }

    /**
     * Returns the losses of each sample.
     *
     * @param predicted what the network says of {@link #state}: (N, 2C, H, W), or of kept patches (N, K, p²·2C), channel fastest
     * @param clean x* (N, C, H, W) or (N, K, p²·C), float32
     * @param noise ε, same shape
     * @param t times (N) in [0, 1]
     * @param channels C
     * @throws IllegalArgumentException if shapes do not fit
     */
    public static Parts perSample(NDArray predicted, NDArray clean, NDArray noise, NDArray t, int channels) {
        requireAlike(clean, noise, t);
        Shape said = predicted.getShape();
        Shape of = clean.getShape();
        int axis = of.dimension() == 4 ? 1 : 2; // of the channels
        boolean fits = of.dimension() == said.dimension()
                && (of.dimension() == 3 || of.dimension() == 4)
                && of.get(axis) % channels == 0
                && said.size() == 2 * of.size();
        for (int i = 0; fits && i < of.dimension(); i++) {
            fits = said.get(i) == (i == axis ? 2 : 1) * of.get(i);
        }
        if (!fits) {
            throw new IllegalArgumentException("the network must predict noise and variance, 2 x " + channels
                    + " channels for samples of " + of + ", but gave " + said);
        }
        NDList parts = LOSSES.call(predicted, clean, noise, t, channels);
        return new Parts(parts.get(0), parts.get(1));
    }

    /**
     * Weights errors of the noise by min(SNR_n, γ) / SNR_n with SNR_n = ᾱ_n / (1 − ᾱ_n): steps with little noise count less.
     * Source: Hang et al. 2023 (arXiv 2303.09556).
     *
     * @param noise losses of the samples (N)
     * @param t their times (N) in [0, 1]
     * @param cap γ, above 0
     */
    public static NDArray minSnr(NDArray noise, NDArray t, double cap) {
        return MIN_SNR.callForOne(noise, t, cap);
    }

    private static void requireAlike(NDArray clean, NDArray noise, NDArray t) {
        if (!clean.getShape().equals(noise.getShape())) {
            throw new IllegalArgumentException("clean samples and noise must have one shape but were "
                    + clean.getShape() + " and " + noise.getShape());
        }
        if (!t.getShape().equals(new Shape(clean.getShape().get(0)))) {
            throw new IllegalArgumentException(
                    "t must have one time for each sample of " + clean.getShape() + " but was " + t.getShape());
        }
    }
}
