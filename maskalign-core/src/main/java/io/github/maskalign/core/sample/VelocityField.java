package io.github.maskalign.core.sample;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import java.util.Optional;

/**
 * A velocity v(x, t, y) on REPA's time axis: t = 0 is data, t = 1 noise. Samplers see a network only as this.
 */
public interface VelocityField {
    /**
     * The velocity of each sample.
     *
     * @param state {@code [latent (N, C, H, W)]} or {@code [latent, class token (N, Z)]}; must not be changed
     * @param t times (N) in [0, 1], of the state's data type, not scaled
     * @param labels classes (N), int64; guided calls hold {@link #nullLabel} in their second half
     * @return one velocity for each array of the state, with its shape; new arrays, which the sampler takes
     *     over and closes
     */
    NDList velocity(NDList state, NDArray t, NDArray labels);

    /** Returns the network as one that lets tokens pass by some of its blocks; empty if it cannot. */
    default Optional<Routed> routed() {
        return Optional.empty();
    }

    /** A network with a route (TREAD): some of its blocks may see some tokens alone, the others go round them. */
    interface Routed {
        /** Number T of tokens that may be routed. */
        int tokens();

        /**
         * Returns how many tokens stay where a share is left out.
         *
         * @param ratio share r in [0, 1)
         * @throws IllegalArgumentException if none would
         */
        int kept(double ratio);

        /**
         * As {@link VelocityField#velocity}, with some tokens alone in the blocks of the route.
         *
         * @param keep their numbers in [0, T), distinct in each row (N, K), int64
         */
        NDList velocity(NDList state, NDArray t, NDArray labels, NDArray keep);
    }

    /** Returns the network as one that predicts noise and variance, for samplers of DDPM's chain; empty if it predicts a velocity. */
    default Optional<NoiseField> noise() {
        return Optional.empty();
    }

    /** A network of DDPM's chain: noise and variance of a step, see {@link io.github.maskalign.core.diffusion.DdpmLoss}. */
    @FunctionalInterface
    interface NoiseField {
        /**
         * The noise of each sample, and the share f of its variance as v = 2f − 1.
         *
         * @param state the latents (N, C, H, W); must not be changed
         * @param t times (N) of steps, n / 1000
         * @param labels classes (N), int64; guided calls hold {@link #nullLabel} in their second half
         * @return noise and share, each of the state's shape; new arrays, which the sampler takes over and closes
         */
        NDList noise(NDArray state, NDArray t, NDArray labels);
    }

    /** Whether the network has a path to leave out, which {@link Guidance.Unconditional#PATH_DROP} needs. */
    default boolean hasPath() {
        return false;
    }

    /**
     * As {@link #velocity} for a guided call of {@link Guidance.Unconditional#PATH_DROP}: the second half of the samples
     * does without the path.
     *
     * @throws UnsupportedOperationException if the network has none
     */
    default NDList velocityWithoutPath(NDList state, NDArray t, NDArray labels) {
        throw new UnsupportedOperationException("this velocity field has no path to leave out");
    }

    /**
     * Returns how many channels of the latent, the last ones, are features of a picture that are generated beside it, such as
     * ReDi's; 0 if none are. Guidance treats them as a group of their own, see {@link Guidance}.
     */
    default int featureChannels() {
        return 0;
    }

    /** Returns the label that stands for no class; the number of classes for models trained here. */
    long nullLabel();
}
