package io.github.maskalign.core.train;

import ai.djl.ndarray.NDArray;
import io.github.maskalign.core.files.internal.Snapshot;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The numbers of a state at one step, as they are saved.
 *
 * @param step number of finished steps
 * @param skipped how many of them changed nothing
 * @param extraDecays decays of the averages besides the first
 * @param files arrays by key, by the name of the file they go to
 */
record StateArrays(long step, long skipped, List<Double> extraDecays, Map<String, Map<String, NDArray>> files) {
    static final String EMA = "ema";

    /** Returns the name of the file of a further average, such as {@code ema-0_999}: names have no dots. */
    static String fileOf(double decay) {
        return EMA + "-" + Snapshot.decayText(decay).replace('.', '_');
    }

    /** Returns the state's own arrays; they change with it. */
    static StateArrays of(TrainState state) {
        Map<String, Map<String, NDArray>> all = new LinkedHashMap<>();
        all.put("weights", state.weights());
        all.put(EMA, state.ema());
        state.extraEma().forEach((decay, arrays) -> all.put(fileOf(decay), arrays));
        all.put("exp_avg", state.expAvg());
        all.put("exp_avg_sq", state.expAvgSq());
        return new StateArrays(
                state.step(), state.skipped(), List.copyOf(state.extraEma().keySet()), all);
    }
}
