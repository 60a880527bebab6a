package io.github.maskalign.core.sample;

import io.github.maskalign.core.config.ConfigKey.AlsoRead;
import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Inline;
import io.github.maskalign.core.config.ConfigKey.Order;
import io.github.maskalign.core.config.ConfigKey.Range;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.diffusion.NoiseSchedule;
import java.util.Objects;

/**
 * How pictures are sampled.
 *
 * @param method the stepping rule
 * @param steps number of steps S, in [1, 2^20]
 * @param guidance guidance of the latent and of what is drawn with it
 * @param lastStep size of the last step of Euler-Maruyama, in (0, 1)
 * @param diffusion noise strength of Euler-Maruyama
 * @param eta share of DDPM's noise that {@link SamplerMethod#DDIM} adds, in [0, 1]; 0 adds none
 */
@Order({
    "method",
    "steps",
    "cfgScale",
    "classCfgScale",
    "intervalLow",
    "intervalHigh",
    "lastStep",
    "diffusion",
    "legacyGuidedChannels",
    "unconditional",
    "routeRatio",
    "weakRouteRatio",
    "featureCfgScale",
    "cfgPower",
    "eta"
})
public record SamplerConfig(
        @Default("EULER_MARUYAMA") SamplerMethod method,
        @Default("250") int steps,
        @Inline Guidance guidance,
        @Default("0.04") double lastStep,
        @Default("TWO_T") DiffusionScale diffusion,
        @Range(min = 0, max = 1) @Default("0.0") double eta) {
    static final int MAX_STEPS = 1 << 20;

    public SamplerConfig {
        Objects.requireNonNull(method, "method must be given");
        Objects.requireNonNull(guidance, "guidance must be given");
        Objects.requireNonNull(diffusion, "diffusion must be given");
        if (steps < 1 || steps > MAX_STEPS) {
            throw new IllegalArgumentException("steps must be in [1, " + MAX_STEPS + "] but was " + steps);
        }
        if (!(lastStep > 0 && lastStep < 1)) {
            throw new IllegalArgumentException("lastStep must be in (0, 1) but was " + lastStep);
        }
        if (!(eta >= 0 && eta <= 1)) {
            throw new IllegalArgumentException("eta must be in [0, 1] but was " + eta);
        }
        if (method.process() == Process.DDPM) {
            method.chain(steps); // says what is wrong with the steps
        }
    }

    /** Euler-Maruyama with 250 steps and no guidance: the papers' convergence tables. */
    public static SamplerConfig defaults() {
        return new SamplerConfig(
                SamplerMethod.EULER_MARUYAMA, 250, new Guidance(1, 1, 0, 1), 0.04, DiffusionScale.TWO_T, 0);
    }

    /** Names all values but an eta, a scale of features and a power of 0: the words of earlier versions, which fingerprints of protocols and folders hold. */
    @Override
    public String toString() {
        return "SamplerConfig[method=" + method + ", steps=" + steps + ", cfgScale=" + guidance.cfgScale()
                + ", classCfgScale=" + guidance.classCfgScale() + ", intervalLow=" + guidance.intervalLow()
                + ", intervalHigh=" + guidance.intervalHigh() + ", lastStep=" + lastStep + ", diffusion=" + diffusion
                + ", legacyGuidedChannels=" + guidance.legacyGuidedChannels() + ", unconditional="
                + guidance.unconditional() + ", routes=" + guidance.routes()
                + (guidance.featureCfgScale() == 0 ? "" : ", featureCfgScale=" + guidance.featureCfgScale())
                + (guidance.cfgPower() == 0 ? "" : ", cfgPower=" + guidance.cfgPower())
                + (eta == 0 ? "]" : ", eta=" + eta + "]");
    }

    /** Returns this with another rule and number of steps. */
    public SamplerConfig withMethod(SamplerMethod newMethod, int newSteps) {
        return new SamplerConfig(newMethod, newSteps, guidance, lastStep, diffusion, eta);
    }

    /** Returns this with other guidance. */
    public SamplerConfig withGuidance(Guidance value) {
        return new SamplerConfig(method, steps, value, lastStep, diffusion, eta);
    }

    /** Returns this with another last step and noise strength of Euler-Maruyama. */
    public SamplerConfig withDiffusion(double newLastStep, DiffusionScale newDiffusion) {
        return new SamplerConfig(method, steps, guidance, newLastStep, newDiffusion, eta);
    }

    /** Returns this with another share of noise of DDIM, in [0, 1]. */
    public SamplerConfig withEta(double value) {
        return new SamplerConfig(method, steps, guidance, lastStep, diffusion, value);
    }

    /** How the way from noise to data is cut into steps. S is the number of steps. */
    public enum SamplerMethod {
        /** Probability-flow ODE, x ← x + (t' - t) v, on S + 1 equal points from 1 to 0; S calls of the field. */
        @AlsoRead("ode")
        EULER,

        /**
         * Heun's rule on the same points, the last step an Euler step; 2S - 1 calls. Whether the second call of a
         * step is guided is decided by the time at which the step starts.
         */
        HEUN,

        /**
         * The reverse SDE with drift v - ½ w s on S points from 1 to the last step's size, then without noise to
         * 0; S calls. The sampler of the published numbers (250 steps).
         */
        @AlsoRead("sde")
        EULER_MARUYAMA,

        /**
         * DDPM's way back with the variance that the network predicts, x_{k−1} = μ + σ n, on S steps of its chain in equal parts
         * ({@link NoiseSchedule#spaced}); S calls. For networks of {@link Process#DDPM}; DiT's sampler (250 steps).
         */
        DDPM,

        /**
         * x_{k−1} = √ᾱ' x̂ + √(1 − ᾱ' − σ²) ε̂ + σ n with σ = eta · √((1 − ᾱ') / (1 − ᾱ)) √(1 − ᾱ / ᾱ'), on every i-th step of
         * the chain ({@link NoiseSchedule#strided}); S calls. For networks of {@link Process#DDPM}. Source: Song et al. 2020
         * (arXiv 2010.02502, eq. 12).
         */
        DDIM;

        /** Returns what the network must have been trained on. */
        public Process process() {
            return this == DDPM || this == DDIM ? Process.DDPM : Process.FLOW;
        }

        /** Returns the steps of the chain that a sampler of DDPM takes. */
        NoiseSchedule chain(int steps) {
            return this == DDIM ? NoiseSchedule.strided(steps) : NoiseSchedule.spaced(steps);
        }

        /**
         * Checks that this is a way back for a network.
         *
         * @throws IllegalArgumentException if the network was trained on another process; says what to choose
         */
        public void requireFor(Process trained) {
            if (process() != trained) {
                throw new IllegalArgumentException(
                        trained == Process.DDPM
                                ? "method must be DDPM or DDIM for a network of diffusion.process DDPM, which predicts the noise of"
                                        + " single steps, but was " + this
                                : "method must be EULER, HEUN or EULER_MARUYAMA for a network of diffusion.process FLOW, which"
                                        + " predicts velocities, but was " + this);
            }
        }
    }

    /** The strength w(t) of the noise that {@link SamplerMethod#EULER_MARUYAMA} adds. */
    public enum DiffusionScale {
        /** w = 2t whatever the path: the code of REPA and REG, and what the published numbers were made with. */
        TWO_T,

        /** w = σ(t): what the papers write. */
        SIGMA;

        /** Returns w at time {@code t} in [0, 1]. */
        public double at(double t, Interpolant path) {
            return switch (this) {
                case TWO_T -> 2 * t;
                case SIGMA -> path.sigma(t);
            };
        }
    }
}
