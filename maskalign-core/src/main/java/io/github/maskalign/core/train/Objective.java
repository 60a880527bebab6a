package io.github.maskalign.core.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.core.script.Autograd.Differentiation;
import io.github.maskalign.core.train.TrainConfig.BatchPlan;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What a training run minimises: weights and a loss of a batch that is named by position.
 *
 * <p>An implementation fetches its samples and draws its random numbers by position, so that splitting a
 * batch into micro-batches changes neither.
 */
public interface Objective {
    /**
     * Returns the weights by state-dict key, frozen ones included, in the order in which they are saved.
     *
     * <p>The answer must not change during a run.
     */
    Map<String, Parameter> parameters();

    /**
     * Shows the objective the state that its steps will change, before the first of them: for one that looks at moving
     * averages. Their arrays stay the same and change in place, also when a run goes on from files.
     *
     * @param state state over {@link #parameters}
     */
    default void begin(TrainState state) {}

    /**
     * Asks for losses whose gradients are handed over one after the other ({@link Differentiation}'s second way) and not
     * all at the end, if this objective has a choice: several ranks then sum some while others are computed. The numbers
     * are the same. Called before the first step, if at all.
     */
    default void preferGradual() {}

    /**
     * Tells which samples a process will ask the loss of, before the first of them: for one that prepares them ahead. The
     * loss of other samples may be asked for too.
     */
    default void follow(BatchPlan plan) {}

    /**
     * Computes the loss of some samples. Gradient mode is on.
     *
     * @param scratch manager of everything made here; it is closed once the gradients are known
     * @param step number of steps finished before this one, 0 for the first
     * @param firstPosition position of the first sample in the run's stream: step · globalBatch + offset
     * @param count number of samples
     * @return the mean loss over these samples, and its parts
     */
    StepLosses loss(NDManager scratch, long step, long firstPosition, int count);

    /** Returns whether a weight has moving averages; the trained ones that have none are the last of {@link #parameters}. */
    default boolean isAveraged(String key) {
        return true;
    }

    /**
     * Returns the name of the weights that a trained weight is clipped with: each group by its own norm, as if it had an
     * optimiser of its own. The main group is the empty text; norms of others are logged as {@code grad_norm/NAME}.
     */
    default String clippedWith(String key) {
        return "";
    }

    /**
     * Called when the numbers of a step are known to be finite, right before its update: for weights without a gradient that
     * the objective moves by itself, such as the statistics of a norm. A step that is skipped does not call it.
     */
    default void beforeUpdate() {}

    /** Returns the terms of the loss that stop by themselves, always the same object; empty if none does. */
    default Optional<AutoStop> autoStop() {
        return Optional.empty();
    }

    /**
     * The loss of some samples.
     *
     * @param total what is minimised, 0-d, recorded with gradients
     * @param parts other numbers to log, such as its summands before weighting, by name; 0-d
     * @param dataSeconds how long the computation waited for its samples
     * @param backward how the gradients of {@code total}, or of what is computed from it, are found
     */
    record StepLosses(NDArray total, Map<String, NDArray> parts, double dataSeconds, Differentiation backward) {
        public StepLosses {
            parts = Collections.unmodifiableMap(new LinkedHashMap<>(parts));
            scalar("the total loss", total);
            parts.forEach((name, part) -> scalar("loss part " + name, part));
            if (!(dataSeconds >= 0)) {
                throw new IllegalArgumentException("dataSeconds must be at least 0 but was " + dataSeconds);
            }
        }

        /** Losses whose whole graph was recorded. */
        public StepLosses(NDArray total, Map<String, NDArray> parts, double dataSeconds) {
            this(total, parts, dataSeconds, Autograd::gradients);
        }

        /** Losses of samples that did not have to be waited for. */
        public StepLosses(NDArray total, Map<String, NDArray> parts) {
            this(total, parts, 0);
        }

        private static void scalar(String what, NDArray array) {
            if (array.getShape().dimension() != 0) {
                throw new IllegalArgumentException(what + " must be one number but has shape " + array.getShape());
            }
        }
    }
}
