package io.github.maskalign.core.sample;

/** Told of the progress of a sampler; what it throws ends the sampling. */
@FunctionalInterface
public interface SampleListener {
    /** Does nothing. */
    SampleListener NONE = (done, total, t) -> {};

    /**
     * Called after each step.
     *
     * @param done number of steps done, from 1
     * @param total number of steps S
     * @param t the time reached, in [0, 1)
     */
    void onStep(int done, int total, double t);
}
