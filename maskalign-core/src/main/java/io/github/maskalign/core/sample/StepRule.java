package io.github.maskalign.core.sample;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;

/** One step of a sampler. */
interface StepRule {
    /**
     * Goes from point {@code i} of the time grid to the next.
     *
     * @param step owner of the state and of all that is made here
     * @param state float64 arrays at the time of point i
     * @return the state at the time of point i + 1, owned by {@code step}
     */
    NDList advance(NDManager step, NDList state, int i);

    /** Returns state + dt · slope for each array. */
    static NDList move(NDList state, NDList slope, double dt) {
        NDList moved = new NDList(state.size());
        for (int k = 0; k < state.size(); k++) {
            NDArray x = state.get(k);
            moved.add(x.add(slope.get(k).mul(dt)));
        }
        return moved;
    }
}
