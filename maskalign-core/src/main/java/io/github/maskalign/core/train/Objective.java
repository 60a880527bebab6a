package io.github.maskalign.core.train;

import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import java.util.Map;

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
     * Computes the loss of some samples. Gradient mode is on.
     *
     * @param scratch manager of everything made here; it is closed once the gradients are known
     * @param step number of steps finished before this one, 0 for the first
     * @param firstPosition position of the first sample in the run's stream: step · globalBatch + offset
     * @param count number of samples
     * @return the mean loss over these samples, and its parts
     */
    StepLosses loss(NDManager scratch, long step, long firstPosition, int count);
}
