package io.github.maskalign.core.sample;

import io.github.maskalign.core.config.ConfigKey.AlsoRead;
import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Inline;
import io.github.maskalign.core.config.ConfigKey.NonNegative;
import io.github.maskalign.core.diffusion.Interpolant;
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
        @Default("0.0") double featureCfgScale) {
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
                0);
    }

    /** Euler-Maruyama with 250 steps and no guidance: the papers' convergence tables. */
    public static SamplerConfig defaults() {
        return new SamplerConfig(SamplerMethod.EULER_MARUYAMA, 250, 1, 1, 0, 1, 0.04, DiffusionScale.TWO_T, 0);
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
        return of(newMethod, newSteps, guidance(), lastStep, diffusion);
    }

    /** Returns this with other guidance. */
    public SamplerConfig withGuidance(Guidance value) {
        return of(method, steps, value, lastStep, diffusion);
    }

    /** Returns this with another last step and noise strength of Euler-Maruyama. */
    public SamplerConfig withDiffusion(double newLastStep, DiffusionScale newDiffusion) {
        return of(method, steps, guidance(), newLastStep, newDiffusion);
    }

    private static SamplerConfig of(
            SamplerMethod method, int steps, Guidance guidance, double lastStep, DiffusionScale diffusion) {
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
                guidance.featureCfgScale());
    }

    /**
     * Names every number, as records do. Folders of pictures and scores are known by this text, so what came later, the
     * features' scale, is part of it only where it is not 0.
     */
    @Override
    public String toString() {
        return "SamplerConfig[method=" + method + ", steps=" + steps + ", cfgScale=" + cfgScale + ", classCfgScale="
                + classCfgScale + ", intervalLow=" + intervalLow + ", intervalHigh=" + intervalHigh + ", lastStep="
                + lastStep + ", diffusion=" + diffusion + ", legacyGuidedChannels=" + legacyGuidedChannels
                + ", unconditional=" + unconditional + ", routes=" + routes
                + (featureCfgScale == 0 ? "" : ", featureCfgScale=" + featureCfgScale) + "]";
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
        EULER_MARUYAMA
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
