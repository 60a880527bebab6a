package io.github.maskalign.core.sample;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.random.Draws;

/**
 * Where a sampler takes its standard normal numbers from. Each call returns one array for each of {@link
 * SampleRequest#stateShapes}, the latent's drawn before the class token's.
 */
public interface NoiseSource {
    /**
     * The state at t = 1. Its data type, float32 or float64, is the one in which the field is called.
     *
     * @param manager owner of the result
     */
    NDList initial(NDManager manager, SampleRequest request);

    /**
     * The noise a stochastic sampler adds, float64. Asked for in order of the steps, before the field.
     *
     * @param manager owner of the result
     * @param step number of the step, the first is 0
     */
    NDList path(NDManager manager, SampleRequest request, int step);

    /** Returns the noise that belongs to the positions of a run: the same picture gets the same numbers always. */
    static NoiseSource of(Draws draws) {
        return new DrawnNoise(draws);
    }
}
