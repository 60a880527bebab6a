package io.github.maskalign.core.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.data.internal.SampleBuffer.SampleRange;
import io.github.maskalign.core.distributed.Agreement;
import io.github.maskalign.core.distributed.Communicators.LocalCommunicator;
import io.github.maskalign.core.distributed.internal.GradientBuckets;
import io.github.maskalign.core.distributed.internal.GradualSum;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.engine.internal.MemoryShortage;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.core.train.Objective.StepLosses;
import io.github.maskalign.core.train.StepResult.StepTimes;
import io.github.maskalign.core.train.TrainConfig.BatchPlan;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One optimiser step: gradients of all micro-batches, then one update.
 *
 * <pre>
 * g = Σⱼ ∇(lossⱼ · nⱼ / B),  micro-batches j of all ranks with nⱼ samples each, see {@link BatchPlan}
 * </pre>
 *
 * <p>Gradients and losses are summed over the ranks before anything is decided: norm, clipping, skipping and update are
 * computed on every rank alike, from the same bits. The gradients of the last micro-batch travel while its backward pass
 * goes on, as far as the objective finds them one after the other; see {@link Objective#preferGradual}.
 *
 * <p>All arrays of a micro-batch but its gradients are freed before the next one, all of a step at its end.
 * Must be used by one thread.
 */
public final class TrainStep {
    private static final ScriptFunction SUMS = ScriptFunction.of(TrainStep.class, "optimizer.py", "sums");
    private static final ScriptFunction NON_FINITE = ScriptFunction.of(TrainStep.class, "optimizer.py", "non_finite");

    private final Objective objective;
    private final TrainState state;
    private final OptimConfig config;
    private final AdamW optimizer;
    private final NDList trained = new NDList();
    private final BatchPlan plan;
    private final Agreement agreement;
    private final GradientBuckets buckets;
    private final GradientAngle angle;

    /**
     * Prepares steps of one process.
     *
     * @param objective what to minimise
     * @param state state over the objective's parameters
     * @param config settings of the optimiser
     * @param globalBatch samples B of one step
     * @param accumulation micro-batches A of one step; must divide B
     * @throws IllegalArgumentException if the numbers do not fit
     */
    public TrainStep(Objective objective, TrainState state, OptimConfig config, int globalBatch, int accumulation) {
        this(
                objective,
                state,
                config,
                new BatchPlan(globalBatch, accumulation, 0, 1),
                new Agreement(new LocalCommunicator()));
    }

    /**
     * Prepares steps of one of several ranks, which all have the same state and take every step together.
     *
     * @param objective what to minimise
     * @param state state over the objective's parameters
     * @param config settings of the optimiser
     * @param plan which samples this rank computes
     * @param agreement how the ranks go on together
     */
    public TrainStep(Objective objective, TrainState state, OptimConfig config, BatchPlan plan, Agreement agreement) {
        this.objective = objective;
        this.state = state;
        this.config = config;
        this.plan = plan;
        this.agreement = agreement;
        buckets = new GradientBuckets(agreement.ranks(), GradientBuckets.DEFAULT_BYTES);
        optimizer = new AdamW(config, state, objective::clippedWith);
        if (agreement.ranks().size() > 1 && agreement.ranks().sumsAside()) {
            objective.preferGradual();
        }
        objective.begin(state);
        objective.follow(plan);
        state.trainedKeys().forEach(key -> trained.add(state.weight(key)));
        angle = new GradientAngle(trained, plan, agreement, buckets);
    }

    /**
     * Runs the step that the state stands before, and moves the state on by one.
     *
     * <p>If the loss or the gradients' norm is not finite the state moves on but no weight, moment or average
     * changes. An exception leaves the state as it was, also if it comes from another rank, unless it comes from the
     * update itself.
     *
     * @throws StepMemoryException if there is not enough memory
     */
    public StepResult run() {
        long start = System.nanoTime();
        double lr = config.lrAt(state.step());
        try (NDManager step = state.manager().newSubManager()) {
            step.setName("step " + state.step());
            Map<String, Double> measured = new LinkedHashMap<>(objective
                    .autoStop()
                    .map(stop -> inMemory("comparing gradients", () -> angle.look(stop, state)))
                    .orElse(Map.of()));
            Gathered sum = agreement.together(() -> inMemory("computing the gradients", () -> gather(step)));
            exchange(sum);
            long gathered = System.nanoTime();
            AdamW.Report report = inMemory(
                    "using the gradients",
                    () -> optimizer.step(sum.gradients, sum.losses, step, objective::beforeUpdate));
            measured.putAll(report.otherNorms());
            long updated = System.nanoTime();
            String culprit = report.applied() ? null : culprit(sum, report, step);
            Map<String, Double> parts = new LinkedHashMap<>();
            for (int i = 0; i < sum.parts.size(); i++) {
                parts.put(sum.parts.get(i), report.losses()[i + 1]);
            }
            boolean alone = agreement.ranks().size() == 1;
            StepTimes times = new StepTimes(
                    sum.dataSeconds,
                    seconds(sum.computed - start) - sum.dataSeconds,
                    alone ? 0 : seconds(gathered - sum.computed),
                    seconds(updated - gathered),
                    seconds(System.nanoTime() - updated));
            return new StepResult(
                    state.step(),
                    report.losses()[0],
                    parts,
                    report.gradNorm(),
                    lr,
                    report.applied(),
                    culprit,
                    times,
                    measured);
        }
    }

    TrainState state() {
        return state;
    }

    /** Says what was asked for if there is not enough memory. */
    private <T> T inMemory(String phase, Supplier<T> work) {
        try {
            return work.get();
        } catch (RuntimeException | OutOfMemoryError e) {
            Optional<MemoryShortage> shortage = MemoryShortage.in(e);
            if (shortage.isEmpty()) {
                throw e;
            }
            int samples = plan.microBatch(state.step(), 0).count();
            throw StepMemoryException.of(state.step() + 1, samples, phase, shortage.get(), e);
        }
    }

    /** Gradients and losses summed over the micro-batches; with several ranks the last gradients are on their way. */
    private static final class Gathered {
        private NDList gradients = new NDList();
        private NDList losses = new NDList();
        private List<String> parts = List.of();
        private @Nullable GradualSum overRanks;
        private double dataSeconds;
        private long computed;
    }

    private Gathered gather(NDManager step) {
        Gathered sum = new Gathered();
        for (int j = 0; j < plan.accumulation(); j++) {
            try (NDManager micro = step.newSubManager();
                    GradMode recording = GradMode.on()) {
                SampleRange samples = plan.microBatch(state.step(), j);
                StepLosses losses = objective.loss(micro, state.step(), samples.first(), samples.count());
                NDArray total = share(losses.total(), samples.count());
                NDList numbers = new NDList();
                try (GradMode values = GradMode.off()) {
                    numbers.add(total.stopGradient());
                    losses.parts().values().forEach(part -> numbers.add(share(part.stopGradient(), samples.count())));
                    numbers.attach(step);
                }
                if (agreement.ranks().size() > 1 && j == plan.accumulation() - 1) {
                    add(sum, numbers, List.copyOf(losses.parts().keySet()), step);
                    sum.overRanks = gatherGradually(sum, losses, total, step);
                } else {
                    NDList gradients = losses.backward().gradients(total, trained, step);
                    try (GradMode values = GradMode.off()) {
                        add(sum, numbers, List.copyOf(losses.parts().keySet()), step);
                        sum.gradients = added(sum.gradients, gradients, step);
                    }
                    sum.computed = System.nanoTime();
                }
                sum.dataSeconds += losses.dataSeconds();
            }
        }
        return sum;
    }

    /** The backward pass of the last micro-batch, whose gradients travel as soon as they are whole. */
    private GradualSum gatherGradually(Gathered sum, StepLosses losses, NDArray total, NDManager step) {
        List<Long> elements = new ArrayList<>();
        trained.forEach(weight -> elements.add(weight.size()));
        sum.losses.forEach(number -> elements.add(number.size()));
        GradualSum overRanks = buckets.gradually(elements, step, agreement);
        try {
            List<Integer> places = new ArrayList<>();
            sum.losses.forEach(number -> places.add(trained.size() + places.size()));
            overRanks.take(places, sum.losses, new NDList()); // a few more numbers in the last bucket
            NDList before = sum.gradients;
            losses.backward().gradients(total, trained, step, (which, gradients, inUse) -> {
                NDList whole = gradients;
                if (!before.isEmpty()) {
                    NDList earlier = new NDList();
                    which.forEach(i -> earlier.add(before.get(i)));
                    try (GradMode values = GradMode.off()) {
                        whole = added(earlier, gradients, step);
                    }
                }
                overRanks.take(which, whole, inUse);
            });
            sum.computed = System.nanoTime();
            overRanks.drain();
            return overRanks;
        } catch (RuntimeException | Error e) {
            overRanks.drain(e);
            throw e;
        }
    }

    /** Returns what the mean over some samples contributes to the mean over the global batch. */
    private NDArray share(NDArray mean, int count) {
        return count == plan.globalBatch() ? mean : Autograd.divide(mean, (double) plan.globalBatch() / count);
    }

    /** Sums over the ranks what is left to sum. */
    private void exchange(Gathered sum) {
        GradualSum overRanks = sum.overRanks;
        if (overRanks == null) {
            return;
        }
        NDList sums = overRanks.complete();
        sum.gradients = new NDList(sums.subList(0, trained.size()));
        sum.losses = new NDList(sums.subList(trained.size(), sums.size()));
    }

    /** Adds the losses of a micro-batch. */
    private void add(Gathered sum, NDList losses, List<String> parts, NDManager step) {
        if (!sum.losses.isEmpty() && !parts.equals(sum.parts)) {
            throw new IllegalStateException(
                    "the loss parts of all micro-batches must be " + sum.parts + " but one has " + parts);
        }
        sum.parts = parts;
        try (GradMode values = GradMode.off()) {
            sum.losses = added(sum.losses, losses, step);
        }
    }

    private static NDList added(NDList before, NDList more, NDManager step) {
        if (before.isEmpty()) {
            return more;
        }
        try (before;
                more) {
            return SUMS.callOn(step, before, more); // new memory: the gradients of two weights may be one array
        }
    }

    private @Nullable String culprit(Gathered sum, AdamW.Report report, NDManager step) {
        for (int i = 0; i < sum.parts.size(); i++) {
            if (!Double.isFinite(report.losses()[i + 1])) {
                return "loss part " + sum.parts.get(i);
            }
        }
        if (!Double.isFinite(report.losses()[0])) {
            return "loss";
        }
        List<String> keys = new ArrayList<>(state.trainedKeys());
        try (GradMode values = GradMode.off()) {
            long[] flags =
                    NON_FINITE.callOn(step, sum.gradients).singletonOrThrow().toLongArray();
            for (int i = 0; i < flags.length; i++) {
                if (flags[i] != 0) {
                    return "gradient of " + keys.get(i);
                }
            }
        }
        return "gradient norm"; // finite gradients whose squares overflow float32
    }

    private static double seconds(long nanos) {
        return nanos * 1e-9;
    }

    /**
     * There was not enough memory for a training step.
     *
     * <p>The weights may be half-way through an update, so the run must end; what was saved stays as it is, and a run with
     * smaller needs can go on from there.
     */
    public static final class StepMemoryException extends RuntimeException {
        private static final long serialVersionUID = 1;

        private final transient MemoryShortage shortage;

        private StepMemoryException(String message, MemoryShortage shortage, Throwable cause) {
            super(message, cause);
            this.shortage = shortage;
        }

        /**
         * Describes a failure.
         *
         * @param step number of the step that failed, 1 for the first
         * @param samples samples that were in work at a time
         * @param phase what was being done, such as {@code "computing gradients"}
         */
        static StepMemoryException of(long step, int samples, String phase, MemoryShortage shortage, Throwable cause) {
            String asked = shortage.asked().isPresent()
                    ? MemoryShortage.text(shortage.asked().getAsLong())
                    : "an unknown number of bytes";
            String text = "step " + step + " ran out of memory: while " + phase + " of " + samples
                    + (samples == 1 ? " sample, " : " samples at a time, ") + asked + " of "
                    + shortage.place().words() + " could not be had (" + shortage.words() + ")";
            return new StepMemoryException(text, shortage, cause);
        }

        /** Returns the same failure with advice behind its message. */
        public StepMemoryException withAdvice(String advice) {
            return new StepMemoryException(getMessage() + "\n" + advice, shortage, this);
        }

        /** Returns which memory was short. */
        public MemoryShortage shortage() {
            return shortage;
        }
    }
}
