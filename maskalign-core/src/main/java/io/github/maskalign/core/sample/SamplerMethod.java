package io.github.maskalign.core.sample;

/** How the way from noise to data is cut into steps. S is the number of steps. */
public enum SamplerMethod {
    /** Probability-flow ODE, x ← x + (t' - t) v, on S + 1 equal points from 1 to 0; S calls of the field. */
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
    EULER_MARUYAMA
}
