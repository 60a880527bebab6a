package io.github.maskalign.core.train;

import ai.djl.ndarray.NDArray;
import java.util.Map;

/**
 * What a state and the gradients of a step take, in bytes; none of it depends on the batch.
 *
 * @param weights all weights, frozen ones included
 * @param gradients one number for each trained weight; twice that while micro-batches are added up
 * @param moments two numbers for each trained weight
 * @param averages one number for each weight and moving average
 */
public record StateMemory(long weights, long gradients, long moments, long averages) {
    /**
     * Adds up the arrays of a state.
     *
     * @param accumulates whether a step has several micro-batches
     */
    public static StateMemory of(TrainState state, boolean accumulates) {
        long trained = bytes(state.expAvg());
        long averages = bytes(state.ema());
        for (Map<String, NDArray> extra : state.extraEma().values()) {
            averages += bytes(extra);
        }
        return new StateMemory(
                bytes(state.weights()),
                accumulates ? 2 * trained : trained,
                trained + bytes(state.expAvgSq()),
                averages);
    }

    /** Returns the sum. */
    public long total() {
        return weights + gradients + moments + averages;
    }

    private static long bytes(Map<String, NDArray> arrays) {
        return arrays.values().stream()
                .mapToLong(array -> array.size() * array.getDataType().getNumOfBytes())
                .sum();
    }
}
