package io.github.maskalign.core.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One optimiser step: gradients of all micro-batches, then one update.
 *
 * <pre>
 * g = Σⱼ ∇(lossⱼ / A),  micro-batch j = samples [step · B + j · B/A, step · B + (j + 1) · B/A)
 * </pre>
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
    private final int globalBatch;
    private final int accumulation;

    /**
     * Prepares steps.
     *
     * @param objective what to minimise
     * @param state state over the objective's parameters
     * @param config settings of the optimiser
     * @param globalBatch samples B of one step
     * @param accumulation micro-batches A of one step; must divide B
     * @throws IllegalArgumentException if the numbers do not fit
     */
    public TrainStep(Objective objective, TrainState state, OptimConfig config, int globalBatch, int accumulation) {
        if (globalBatch < 1) {
            throw new IllegalArgumentException("globalBatch must be at least 1 but was " + globalBatch);
        }
        if (accumulation < 1 || globalBatch % accumulation != 0) {
            throw new IllegalArgumentException(
                    "accumulation must divide globalBatch " + globalBatch + " but was " + accumulation);
        }
        this.objective = objective;
        this.state = state;
        this.config = config;
        this.globalBatch = globalBatch;
        this.accumulation = accumulation;
        optimizer = new AdamW(config, state);
        state.trainedKeys().forEach(key -> trained.add(state.weight(key)));
    }

    /**
     * Runs the step that the state stands before, and moves the state on by one.
     *
     * <p>If the loss or the gradients' norm is not finite the state moves on but no weight, moment or average
     * changes. An exception leaves the state as it was.
     */
    public StepResult run() {
        long start = System.nanoTime();
        double lr = config.lrAt(state.step());
        try (NDManager step = state.manager().newSubManager()) {
            step.setName("step " + state.step());
            Gathered sum = gather(step);
            long gathered = System.nanoTime();
            AdamW.Report report = optimizer.step(sum.gradients, sum.losses, step);
            long updated = System.nanoTime();
            String culprit = report.applied() ? null : culprit(sum, report, step);
            Map<String, Double> parts = new LinkedHashMap<>();
            for (int i = 0; i < sum.parts.size(); i++) {
                parts.put(sum.parts.get(i), report.losses()[i + 1]);
            }
            double model = seconds(gathered - start) - sum.dataSeconds;
            StepTimes times = new StepTimes(
                    sum.dataSeconds, model, seconds(updated - gathered), seconds(System.nanoTime() - updated));
            return new StepResult(
                    state.step(), report.losses()[0], parts, report.gradNorm(), lr, report.applied(), culprit, times);
        }
    }

    TrainState state() {
        return state;
    }

    /** Gradients and losses summed over the micro-batches. */
    private static final class Gathered {
        private NDList gradients = new NDList();
        private NDList losses = new NDList();
        private List<String> parts = List.of();
        private double dataSeconds;
    }

    private Gathered gather(NDManager step) {
        Gathered sum = new Gathered();
        int count = globalBatch / accumulation;
        for (int j = 0; j < accumulation; j++) {
            try (NDManager micro = step.newSubManager();
                    GradMode recording = GradMode.on()) {
                long first = Math.addExact(Math.multiplyExact(state.step(), globalBatch), (long) j * count);
                StepLosses losses = objective.loss(micro, state.step(), first, count);
                NDArray total = accumulation == 1 ? losses.total() : Autograd.divide(losses.total(), accumulation);
                NDList gradients = Autograd.gradients(total, trained, step);
                try (GradMode values = GradMode.off()) {
                    NDList all = new NDList();
                    all.add(total.stopGradient());
                    losses.parts().values().forEach(part -> all.add(share(part)));
                    all.attach(step);
                    add(sum, gradients, all, List.copyOf(losses.parts().keySet()), step);
                }
                sum.dataSeconds += losses.dataSeconds();
            }
        }
        return sum;
    }

    private NDArray share(NDArray part) {
        NDArray value = part.stopGradient();
        return accumulation == 1 ? value : Autograd.divide(value, accumulation);
    }

    private void add(Gathered sum, NDList gradients, NDList losses, List<String> parts, NDManager step) {
        if (sum.losses.isEmpty()) {
            sum.gradients = gradients;
            sum.losses = losses;
            sum.parts = parts;
            return;
        }
        if (!parts.equals(sum.parts)) {
            throw new IllegalStateException(
                    "the loss parts of all micro-batches must be " + sum.parts + " but one has " + parts);
        }
        try (NDList before = sum.gradients;
                NDList beforeLosses = sum.losses;
                gradients;
                losses) {
            // new memory: the gradients of two weights may be one array
            sum.gradients = SUMS.callOn(step, before, gradients);
            sum.losses = SUMS.callOn(step, beforeLosses, losses);
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
}
