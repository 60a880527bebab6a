package io.github.maskalign.core.train;

/**
 * Where the time of one step went, in seconds of wall time.
 *
 * <p>On a device that works asynchronously {@code model} is the time to queue the work, and {@code update},
 * which reads the norm, includes the wait for it.
 *
 * @param data waiting for samples
 * @param model losses and gradients
 * @param exchange waiting for the other ranks and summing gradients with them; 0 with one rank
 * @param update clipping, optimiser, moving average
 * @param rest everything else since the end of the step before: bookkeeping, listeners, saving
 */
public record StepTimes(double data, double model, double exchange, double update, double rest) {
    /** Returns the sum. */
    public double total() {
        return data + model + exchange + update + rest;
    }

    StepTimes plusRest(double seconds) {
        return new StepTimes(data, model, exchange, update, rest + seconds);
    }
}
