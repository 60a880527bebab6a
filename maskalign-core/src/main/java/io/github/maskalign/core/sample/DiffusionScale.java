package io.github.maskalign.core.sample;

import io.github.maskalign.core.diffusion.Interpolant;

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
