package io.github.maskalign.core.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.nn.Parameter;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.script.internal.InPlace;
import java.io.IOException;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Predicate;

/**
 * All that a run remembers: weights, their moving averages, the optimiser's moments, and how far it has come.
 *
 * <p>The weights stay in the block's parameters and in the manager they came from; the state owns the rest.
 * Averages cover every weight, frozen ones included, unless an objective leaves some out; moments exist for those that are trained. Random
 * draws and the order of the data follow from the step, so nothing else has to be kept.
 */
public final class TrainState implements AutoCloseable {
    private final NDManager manager;
    private final Map<String, NDArray> weights = new LinkedHashMap<>();
    private final Map<String, NDArray> ema = new LinkedHashMap<>();
    private final Map<Double, Map<String, NDArray>> extraEma = new LinkedHashMap<>();
    private final Map<String, NDArray> expAvg = new LinkedHashMap<>();
    private final Map<String, NDArray> expAvgSq = new LinkedHashMap<>();
    private final Map<String, NDArray> expAvgDiff = new LinkedHashMap<>(); // Adan's alone, as the next
    private final Map<String, NDArray> negPreGrad = new LinkedHashMap<>();
    private long step;
    private long skipped;
    private AutoStop.Memory autoStop = AutoStop.Memory.NONE;

    /**
     * Starts a run at step 0: the average is a copy of the weights, the moments are zero.
     *
     * @param parent manager under which the state opens its own
     * @param parameters initialised float32 parameters by state-dict key; at least one must require gradients
     * @throws IllegalArgumentException if a parameter is not initialised, not float32, or given twice
     */
    public TrainState(NDManager parent, Map<String, Parameter> parameters) {
        this(parent, parameters, List.of());
    }

    /**
     * Starts a run at step 0: the averages are copies of the weights, the moments are zero.
     *
     * @param parent manager under which the state opens its own
     * @param parameters initialised float32 parameters by state-dict key; at least one must require gradients
     * @param extraEmaDecays decays of the averages besides the first, see {@link OptimConfig#extraEmaDecays}
     * @throws IllegalArgumentException if a parameter is not initialised, not float32, or given twice
     */
    public TrainState(NDManager parent, Map<String, Parameter> parameters, List<Double> extraEmaDecays) {
        this(parent, parameters, OptimConfig.PAPER.withExtraEmaDecays(extraEmaDecays));
    }

    /**
     * Starts a run at step 0 with what an optimiser keeps.
     *
     * @param parent manager under which the state opens its own
     * @param parameters initialised float32 parameters by state-dict key; at least one must require gradients
     * @param optim settings of the optimiser, of which its kind and the decays of the further averages are looked at
     * @throws IllegalArgumentException if a parameter is not initialised, not float32, or given twice
     */
    public TrainState(NDManager parent, Map<String, Parameter> parameters, OptimConfig optim) {
        this(parent, parameters, optim, key -> true);
    }

    /**
     * Starts a run at step 0 whose averages leave weights out.
     *
     * @param parent manager under which the state opens its own
     * @param parameters initialised float32 parameters by state-dict key; at least one must require gradients
     * @param optim settings of the optimiser, of which its kind and the decays of the further averages are looked at
     * @param averaged which keys have averages, see {@link Objective#isAveraged}; at least one
     * @throws IllegalArgumentException if a parameter is not initialised, not float32, or given twice
     */
    public TrainState(
            NDManager parent, Map<String, Parameter> parameters, OptimConfig optim, Predicate<String> averaged) {
        List<Double> extraEmaDecays = optim.extraEmaDecays();
        boolean adan = optim.adam().kind() == OptimConfig.Kind.ADAN;
        check(parameters);
        manager = parent.newSubManager();
        manager.setName("train state");
        try (GradMode values = GradMode.off()) {
            parameters.forEach((key, parameter) -> {
                NDArray weight = parameter.getArray();
                weights.put(key, weight);
                if (averaged.test(key)) {
                    ema.put(key, owned(weight.duplicate()));
                    for (double decay : extraEmaDecays) {
                        extraEma.computeIfAbsent(decay, d -> new LinkedHashMap<>())
                                .put(key, owned(weight.duplicate()));
                    }
                }
                if (parameter.requiresGradient()) {
                    expAvg.put(key, owned(weight.zerosLike()));
                    expAvgSq.put(key, owned(weight.zerosLike()));
                    if (adan) {
                        expAvgDiff.put(key, owned(weight.zerosLike()));
                        negPreGrad.put(key, owned(weight.zerosLike()));
                    }
                }
            });
        }
    }

    /** Returns the number of finished steps, those included that changed nothing. */
    public long step() {
        return step;
    }

    /** Returns how many of the finished steps changed nothing because a number was not finite. */
    public long skipped() {
        return skipped;
    }

    /** Returns what is remembered of terms that stop by themselves. */
    public AutoStop.Memory autoStop() {
        return autoStop;
    }

    /** Returns the weights by key; they belong to the block. */
    public Map<String, NDArray> weights() {
        return Collections.unmodifiableMap(weights);
    }

    /** Returns the moving average of every weight that has one, by key. */
    public Map<String, NDArray> ema() {
        return Collections.unmodifiableMap(ema);
    }

    /** Returns the weights to use: the moving average where there is one, and where not the weight itself. */
    public Map<String, NDArray> shown() {
        Map<String, NDArray> out = new LinkedHashMap<>(weights);
        out.putAll(ema);
        return Collections.unmodifiableMap(out);
    }

    /** Returns the moving averages besides the first: by decay, then by key. */
    public Map<Double, Map<String, NDArray>> extraEma() {
        Map<Double, Map<String, NDArray>> out = new LinkedHashMap<>();
        extraEma.forEach((decay, arrays) -> out.put(decay, Collections.unmodifiableMap(arrays)));
        return Collections.unmodifiableMap(out);
    }

    /** Returns AdamW's first moments, by key of the trained weights. */
    public Map<String, NDArray> expAvg() {
        return Collections.unmodifiableMap(expAvg);
    }

    /** Returns AdamW's second moments, by key of the trained weights. */
    public Map<String, NDArray> expAvgSq() {
        return Collections.unmodifiableMap(expAvgSq);
    }

    /** Returns Adan's moments of the changes of the gradient, by key of the trained weights; empty for AdamW. */
    Map<String, NDArray> expAvgDiff() {
        return Collections.unmodifiableMap(expAvgDiff);
    }

    /** Returns minus the gradient before, clipped, by key of the trained weights; empty for AdamW. */
    Map<String, NDArray> negPreGrad() {
        return Collections.unmodifiableMap(negPreGrad);
    }

    /** Returns the keys of the weights that are trained, in order. */
    public List<String> trainedKeys() {
        return List.copyOf(expAvg.keySet());
    }

    /** Makes the moving averages equal to the weights again, as after loading weights to start from. */
    public void restartAverage() {
        NDList averaged = new NDList();
        ema.keySet().forEach(key -> averaged.add(weight(key)));
        InPlace.copy(averaged, new NDList(ema.values()));
        extraEma.values().forEach(average -> InPlace.copy(averaged, new NDList(average.values())));
    }

    /** Frees what the state owns; the weights stay. */
    @Override
    public void close() {
        manager.close();
    }

    /** Returns one weight. */
    NDArray weight(String key) {
        return Objects.requireNonNull(weights.get(key), key);
    }

    NDManager manager() {
        return manager;
    }

    void advance(boolean applied) {
        step++;
        if (!applied) {
            skipped++;
        }
    }

    void moveTo(long toStep, long toSkipped) {
        if (toStep < 0 || toSkipped < 0 || toSkipped > toStep) {
            throw new IllegalArgumentException("skipped must be in [0, step " + toStep + "] but was " + toSkipped);
        }
        step = toStep;
        skipped = toSkipped;
    }

    void remember(AutoStop.Memory memory) {
        autoStop = memory;
    }

    /** Copies tensors into the arrays of the same keys, one at a time; the arrays keep their memory. */
    void load(StateDict tensors, Map<String, NDArray> targets) throws IOException {
        try (NDManager scratch = manager.newSubManager()) {
            for (Map.Entry<String, NDArray> target : targets.entrySet()) {
                try (NDArray source = tensors.get(target.getKey()).read(scratch)) {
                    InPlace.copy(source, target.getValue());
                }
            }
        }
    }

    private NDArray owned(NDArray array) {
        array.attach(manager);
        return array;
    }

    private static void check(Map<String, Parameter> parameters) {
        Set<Parameter> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        boolean anyTrained = false;
        for (Map.Entry<String, Parameter> entry : parameters.entrySet()) {
            Parameter parameter = entry.getValue();
            if (!parameter.isInitialized()) {
                throw new IllegalArgumentException("parameter " + entry.getKey() + " must be initialised first");
            }
            if (parameter.getArray().getDataType() != DataType.FLOAT32) {
                throw new IllegalArgumentException("parameter " + entry.getKey() + " must be float32 but was "
                        + parameter.getArray().getDataType());
            }
            if (!seen.add(parameter)) {
                throw new IllegalArgumentException("parameter " + entry.getKey() + " is given under two keys");
            }
            anyTrained |= parameter.requiresGradient();
        }
        if (!anyTrained) {
            throw new IllegalArgumentException("no parameter requires gradients, so there is nothing to train");
        }
    }

    /**
     * What a state and the gradients of a step take, in bytes; none of it depends on the batch.
     *
     * @param weights all weights, frozen ones included, and the copies of those that are rounded
     * @param gradients one number for each trained weight; three while micro-batches are added up, those so far, the new ones
     *     and their sums
     * @param moments two numbers for each trained weight, with Adan four
     * @param averages one number for each weight and moving average
     * @param update what {@link AdamW} makes anew at a time
     */
    public record StateMemory(long weights, long gradients, long moments, long averages, long update) {
        /**
         * Adds up the arrays of a state.
         *
         * @param accumulates whether a step has several micro-batches
         * @param rounded number of weights of which there is a copy in bfloat16, and whose gradients are in it at first
         */
        public static StateMemory of(TrainState state, boolean accumulates, long rounded) {
            long trained = bytes(state.expAvg());
            long averages = bytes(state.ema());
            for (Map<String, NDArray> extra : state.extraEma().values()) {
                averages += bytes(extra);
            }
            return new StateMemory(
                    bytes(state.weights()) + 2 * rounded,
                    accumulates ? 3 * trained : trained + 2 * rounded,
                    trained + bytes(state.expAvgSq()) + bytes(state.expAvgDiff()) + bytes(state.negPreGrad()),
                    averages,
                    AdamW.temporaryBytes(state));
        }

        /** Returns the sum. */
        public long total() {
            return weights + gradients + moments + averages + update;
        }

        private static long bytes(Map<String, NDArray> arrays) {
            return arrays.values().stream()
                    .mapToLong(array -> array.size() * array.getDataType().getNumOfBytes())
                    .sum();
        }
    }
}
