package io.github.maskalign.core.diffusion;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.script.ScriptFunction;

/**
 * A path between data x* at t = 0 and noise ε at t = 1.
 *
 * <pre>
 *   state       x = α x* + σ ε
 *   velocity    v = α' x* + σ' ε
 *   clean       x* = (σ' x - σ v) / Δ        Δ = α σ' - α' σ
 *   noise       ε = (α v - α' x) / Δ
 *   score       s = -ε / σ
 * </pre>
 *
 * <p>The four functions of time are all a path has to give; the rest is derived from them here. Arrays of
 * samples have the shape (N, ...) with any number of further axes, times the shape (N) with the same data
 * type. Results belong to the manager of the first argument. The arithmetic is in {@code losses.py}.
 * Source: SiT (Ma et al. 2024), section 2 and appendix A, on REPA's time axis.
 */
public enum Interpolant {
    /** α = 1 - t, σ = t. */
    LINEAR(false) {
        @Override
        public double alpha(double t) {
            return 1 - t;
        }

        @Override
        public double sigma(double t) {
            return t;
        }

        @Override
        public double alphaPrime(double t) {
            return -1;
        }

        @Override
        public double sigmaPrime(double t) {
            return 1;
        }
    },

    /** α = cos(πt/2), σ = sin(πt/2); SiT calls this path GVP. */
    COSINE(true) {
        @Override
        public double alpha(double t) {
            return StrictMath.cos(QUARTER_TURN * t);
        }

        @Override
        public double sigma(double t) {
            return StrictMath.sin(QUARTER_TURN * t);
        }

        @Override
        public double alphaPrime(double t) {
            return -QUARTER_TURN * StrictMath.sin(QUARTER_TURN * t);
        }

        @Override
        public double sigmaPrime(double t) {
            return QUARTER_TURN * StrictMath.cos(QUARTER_TURN * t);
        }
    };

    private static final double QUARTER_TURN = Math.PI / 2;

    private final ScriptFunction interpolate;
    private final ScriptFunction velocityTarget;
    private final ScriptFunction clean;
    private final ScriptFunction noise;
    private final ScriptFunction score;

    Interpolant(boolean cosine) {
        interpolate = function("interpolate", cosine);
        velocityTarget = function("velocity_target", cosine);
        clean = function("clean", cosine);
        noise = function("noise", cosine);
        score = function("score", cosine);
    }

    private static ScriptFunction function(String name, boolean cosine) {
        return ScriptFunction.of(Interpolant.class, "losses.py", name).bind("cosine", cosine);
    }

    /** Returns α(t), the share of the data; t in [0, 1]. */
    public abstract double alpha(double t);

    /** Returns σ(t), the share of the noise; t in [0, 1]. */
    public abstract double sigma(double t);

    /** Returns dα/dt. */
    public abstract double alphaPrime(double t);

    /** Returns dσ/dt. */
    public abstract double sigmaPrime(double t);

    /**
     * The state on the way: α x + σ ε.
     *
     * @param x clean samples (N, ...)
     * @param eps noise, same shape
     * @param t times (N) in [0, 1]
     * @throws IllegalArgumentException if shapes or data types do not fit
     */
    public NDArray interpolate(NDArray x, NDArray eps, NDArray t) {
        return compute(interpolate, x, eps, t);
    }

    /**
     * What a velocity network learns: α' x + σ' ε, for the linear path ε - x.
     *
     * @param x clean samples (N, ...)
     * @param eps noise, same shape
     * @param t times (N) in [0, 1]
     * @throws IllegalArgumentException if shapes or data types do not fit
     */
    public NDArray velocityTarget(NDArray x, NDArray eps, NDArray t) {
        return compute(velocityTarget, x, eps, t);
    }

    /**
     * The clean sample a velocity points back to: (σ' x - σ v) / Δ, for the linear path x - t v.
     *
     * @param velocity v at the state (N, ...)
     * @param state x, same shape
     * @param t times (N) in [0, 1]
     * @throws IllegalArgumentException if shapes or data types do not fit
     */
    public NDArray clean(NDArray velocity, NDArray state, NDArray t) {
        return compute(clean, velocity, state, t);
    }

    /**
     * The noise a velocity points to: (α v - α' x) / Δ, for the linear path x + (1 - t) v.
     *
     * @param velocity v at the state (N, ...)
     * @param state x, same shape
     * @param t times (N) in [0, 1]
     * @throws IllegalArgumentException if shapes or data types do not fit
     */
    public NDArray noise(NDArray velocity, NDArray state, NDArray t) {
        return compute(noise, velocity, state, t);
    }

    /**
     * The score ∇ log p that belongs to a velocity: -ε/σ, for the linear path -((1 - t) v + x) / t.
     *
     * @param velocity v at the state (N, ...)
     * @param state x, same shape
     * @param t times (N) in (0, 1]; at t = 0 the score is infinite
     * @throws IllegalArgumentException if shapes or data types do not fit
     */
    public NDArray score(NDArray velocity, NDArray state, NDArray t) {
        return compute(score, velocity, state, t);
    }

    private static NDArray compute(ScriptFunction function, NDArray first, NDArray second, NDArray t) {
        Shape samples = first.getShape();
        if (!samples.equals(second.getShape()) || first.getDataType() != second.getDataType()) {
            throw new IllegalArgumentException("both arrays of samples must have one shape and type but were " + samples
                    + " " + first.getDataType() + " and " + second.getShape() + " " + second.getDataType());
        }
        if (samples.dimension() == 0
                || !t.getShape().equals(new Shape(samples.get(0)))
                || t.getDataType() != first.getDataType()) {
            throw new IllegalArgumentException("t must have one time for each sample of " + samples + " "
                    + first.getDataType() + " but was " + t.getShape() + " " + t.getDataType());
        }
        return function.callForOne(first, second, t);
    }
}
