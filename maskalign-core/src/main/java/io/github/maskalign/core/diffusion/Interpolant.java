package io.github.maskalign.core.diffusion;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import java.util.Arrays;

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
 * type. Results belong to the manager of the first argument, the small coefficients to that of {@code t}.
 * Source: SiT (Ma et al. 2024), section 2 and appendix A, on REPA's time axis.
 */
public enum Interpolant {
    /** α = 1 - t, σ = t. */
    LINEAR {
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

        @Override
        public NDArray alpha(NDArray t) {
            return t.sub(1).neg();
        }

        @Override
        public NDArray sigma(NDArray t) {
            return t.mul(1);
        }

        @Override
        public NDArray alphaPrime(NDArray t) {
            return t.onesLike().neg();
        }

        @Override
        public NDArray sigmaPrime(NDArray t) {
            return t.onesLike();
        }
    },

    /** α = cos(πt/2), σ = sin(πt/2); SiT calls this path GVP. */
    COSINE {
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

        @Override
        public NDArray alpha(NDArray t) {
            return t.mul(QUARTER_TURN).cos();
        }

        @Override
        public NDArray sigma(NDArray t) {
            return t.mul(QUARTER_TURN).sin();
        }

        @Override
        public NDArray alphaPrime(NDArray t) {
            return sigma(t).mul(-QUARTER_TURN);
        }

        @Override
        public NDArray sigmaPrime(NDArray t) {
            return alpha(t).mul(QUARTER_TURN);
        }
    };

    private static final double QUARTER_TURN = Math.PI / 2;

    /** Returns α(t), the share of the data; t in [0, 1]. */
    public abstract double alpha(double t);

    /** Returns σ(t), the share of the noise; t in [0, 1]. */
    public abstract double sigma(double t);

    /** Returns dα/dt. */
    public abstract double alphaPrime(double t);

    /** Returns dσ/dt. */
    public abstract double sigmaPrime(double t);

    /** Returns α of each element of {@code t}, in t's shape and type. */
    public abstract NDArray alpha(NDArray t);

    /** Returns σ of each element of {@code t}, in t's shape and type. */
    public abstract NDArray sigma(NDArray t);

    /** Returns dα/dt at each element of {@code t}, in t's shape and type. */
    public abstract NDArray alphaPrime(NDArray t);

    /** Returns dσ/dt at each element of {@code t}, in t's shape and type. */
    public abstract NDArray sigmaPrime(NDArray t);

    /**
     * The state on the way: α x + σ ε.
     *
     * @param x clean samples (N, ...)
     * @param eps noise, same shape
     * @param t times (N) in [0, 1]
     * @throws IllegalArgumentException if shapes or data types do not fit
     */
    public NDArray interpolate(NDArray x, NDArray eps, NDArray t) {
        NDArray time = spread(t, x, eps);
        return x.mul(alpha(time)).add(eps.mul(sigma(time)));
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
        NDArray time = spread(t, x, eps);
        return x.mul(alphaPrime(time)).add(eps.mul(sigmaPrime(time)));
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
        NDArray time = spread(t, velocity, state);
        NDArray delta = determinant(time);
        return velocity.mul(sigma(time).div(delta).neg())
                .add(state.mul(sigmaPrime(time).div(delta)));
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
        NDArray time = spread(t, velocity, state);
        NDArray delta = determinant(time);
        return velocity.mul(alpha(time).div(delta))
                .sub(state.mul(alphaPrime(time).div(delta)));
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
        return noise(velocity, state, t).div(sigma(spread(t, velocity, state))).neg();
    }

    private NDArray determinant(NDArray time) {
        return alpha(time).mul(sigmaPrime(time)).sub(alphaPrime(time).mul(sigma(time)));
    }

    /** Times (N) as (N, 1, ...), ready to scale samples. */
    private static NDArray spread(NDArray t, NDArray first, NDArray second) {
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
        long[] shape = new long[samples.dimension()];
        Arrays.fill(shape, 1);
        shape[0] = samples.get(0);
        return t.reshape(new Shape(shape)); // (N, 1, ...)
    }
}
