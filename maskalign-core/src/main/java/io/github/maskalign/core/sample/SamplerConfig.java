package io.github.maskalign.core.sample;

import io.github.maskalign.core.config.ConfigKey.AlsoRead;
import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Inline;
import io.github.maskalign.core.config.ConfigKey.NonNegative;
import io.github.maskalign.core.config.ConfigKey.Range;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.diffusion.NoiseSchedule;
import io.github.maskalign.core.sample.Guidance.Routes;
import io.github.maskalign.core.sample.Guidance.Unconditional;
import java.util.Objects;

/**
 * How pictures are sampled.
 *
 * @param method the stepping rule
 * @param steps number of steps S, in [1, 2^20]
 * @param cfgScale guidance scale of the latent, at least 1; 1 is off
 * @param classCfgScale guidance scale of the class token; 0 or less takes its conditional velocity
 * @param intervalLow smallest guided time, in [0, intervalHigh]
 * @param intervalHigh largest guided time, in [intervalLow, 1]
 * @param lastStep size of the last step of Euler-Maruyama, in (0, 1)
 * @param diffusion noise strength of Euler-Maruyama
 * @param legacyGuidedChannels how many of the latent's channels are guided, the first ones; 0 guides all, and 3 is
 *     SiT's and DiT's quirk, see {@link Guidance}
 * @param unconditional what guidance leads away from: the model without label, or without label and sparse path
 * @param routes shares of the tokens that go round the route, for {@link Unconditional#ROUTE_RATIO}
 * @param eta share of DDPM's noise that {@link SamplerMethod#DDIM} adds, in [0, 1]; 0 adds none
 * @param featureCfgScale guidance scale of feature channels, for models with {@code terms.features}; 0 or less takes their
 *     conditional velocity, as ReDi does
 */
public record SamplerConfig(
        @Default("EULER_MARUYAMA") SamplerMethod method,
        @Default("250") int steps,
        @Default("1.0") double cfgScale,
        @Default("1.0") double classCfgScale,
        @Default("0.0") double intervalLow,
        @Default("1.0") double intervalHigh,
        @Default("0.04") double lastStep,
        @Default("TWO_T") DiffusionScale diffusion,
        @NonNegative @Default("0") int legacyGuidedChannels,
        @Default("NULL_LABEL") Unconditional unconditional,
        @Inline Routes routes,
        @Default("0.0") double featureCfgScale,
        @Range(min = 0, max = 1) @Default("0.0") double eta) {
    static final int MAX_STEPS = 1 << 20;

    public SamplerConfig {
        Objects.requireNonNull(method, "method must be given");
        Objects.requireNonNull(diffusion, "diffusion must be given");
        if (steps < 1 || steps > MAX_STEPS) {
            throw new IllegalArgumentException("steps must be in [1, " + MAX_STEPS + "] but was " + steps);
        }
        if (!(lastStep > 0 && lastStep < 1)) {
            throw new IllegalArgumentException("lastStep must be in (0, 1) but was " + lastStep);
        }
        Guidance.check(cfgScale, classCfgScale, intervalLow, intervalHigh, legacyGuidedChannels);
        Guidance.requireFinite("featureCfgScale", featureCfgScale);
        Objects.requireNonNull(unconditional, "unconditional must be given");
        Objects.requireNonNull(routes, "routes must be given");
        if (!(eta >= 0 && eta <= 1)) {
            throw new IllegalArgumentException("eta must be in [0, 1] but was " + eta);
        }
        if (method.process() == Process.DDPM) {
            method.chain(steps); // says what is wrong with the steps
        }
    }

    /** Without noise of DDIM. */
    public SamplerConfig(
            SamplerMethod method,
            int steps,
            double cfgScale,
            double classCfgScale,
            double intervalLow,
            double intervalHigh,
            double lastStep,
            DiffusionScale diffusion,
            int legacyGuidedChannels,
            Unconditional unconditional,
            Routes routes) {
        this(
                method,
                steps,
                cfgScale,
                classCfgScale,
                intervalLow,
                intervalHigh,
                lastStep,
                diffusion,
                legacyGuidedChannels,
                unconditional,
                routes,
                0,
                0);
    }

    /** Guides by the label. */
    public SamplerConfig(
            SamplerMethod method,
            int steps,
            double cfgScale,
            double classCfgScale,
            double intervalLow,
            double intervalHigh,
            double lastStep,
            DiffusionScale diffusion,
            int legacyGuidedChannels) {
        this(
                method,
                steps,
                cfgScale,
                classCfgScale,
                intervalLow,
                intervalHigh,
                lastStep,
                diffusion,
                legacyGuidedChannels,
                Unconditional.NULL_LABEL,
                Routes.PUBLISHED,
                0,
                0);
    }

    /** Euler-Maruyama with 250 steps and no guidance: the papers' convergence tables. */
    public static SamplerConfig defaults() {
        return new SamplerConfig(SamplerMethod.EULER_MARUYAMA, 250, 1, 1, 0, 1, 0.04, DiffusionScale.TWO_T, 0);
    }

    /** Names all values but an eta and a scale of features of 0: the words of earlier versions, which fingerprints of protocols and folders hold. */
    @Override
    public String toString() {
        return "SamplerConfig[method=" + method + ", steps=" + steps + ", cfgScale=" + cfgScale + ", classCfgScale="
                + classCfgScale + ", intervalLow=" + intervalLow + ", intervalHigh=" + intervalHigh + ", lastStep="
                + lastStep + ", diffusion=" + diffusion + ", legacyGuidedChannels=" + legacyGuidedChannels
                + ", unconditional=" + unconditional + ", routes=" + routes
                + (featureCfgScale == 0 ? "" : ", featureCfgScale=" + featureCfgScale)
                + (eta == 0 ? "]" : ", eta=" + eta + "]");
    }

    /** Returns the guidance part. */
    public Guidance guidance() {
        return new Guidance(
                cfgScale,
                classCfgScale,
                intervalLow,
                intervalHigh,
                legacyGuidedChannels,
                unconditional,
                routes,
                featureCfgScale);
    }

    /** Returns this with another rule and number of steps. */
    public SamplerConfig withMethod(SamplerMethod newMethod, int newSteps) {
        return of(newMethod, newSteps, guidance(), lastStep, diffusion, eta);
    }

    /** Returns this with other guidance. */
    public SamplerConfig withGuidance(Guidance value) {
        return of(method, steps, value, lastStep, diffusion, eta);
    }

    /** Returns this with another last step and noise strength of Euler-Maruyama. */
    public SamplerConfig withDiffusion(double newLastStep, DiffusionScale newDiffusion) {
        return of(method, steps, guidance(), newLastStep, newDiffusion, eta);
    }

    /** Returns this with another share of noise of DDIM, in [0, 1]. */
    public SamplerConfig withEta(double value) {
        return of(method, steps, guidance(), lastStep, diffusion, value);
    }

    private static SamplerConfig of(
            SamplerMethod method, int steps, Guidance guidance, double lastStep, DiffusionScale diffusion, double eta) {
        return new SamplerConfig(
                method,
                steps,
                guidance.cfgScale(),
                guidance.classCfgScale(),
                guidance.intervalLow(),
                guidance.intervalHigh(),
                lastStep,
                diffusion,
                guidance.legacyGuidedChannels(),
                guidance.unconditional(),
                guidance.routes(),
                guidance.featureCfgScale(),
                eta);
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
