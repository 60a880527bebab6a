package io.github.maskalign.core.train;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What one step did.
 *
 * @param step number of finished steps, this one included: 1 for the first
 * @param loss total loss, mean over the global batch
 * @param parts its parts, means over the global batch, by name
 * @param gradNorm global norm of the gradients before clipping
 * @param lr learning rate of this step
 * @param applied whether the weights were changed
 * @param nonFinite what was not finite when the step was not applied, such as {@code "loss"} or
 *     {@code "gradient of blocks.3.attn.qkv.weight"}; null otherwise
 * @param seconds where the time went
 * @param measured what was measured in this step beside its losses, such as {@code auto_stop/cosine}, by the names in logs
 */
public record StepResult(
        long step,
        double loss,
        Map<String, Double> parts,
        double gradNorm,
        double lr,
        boolean applied,
        @Nullable String nonFinite,
        StepTimes seconds,
        Map<String, Double> measured) {
    public StepResult {
        parts = Collections.unmodifiableMap(new LinkedHashMap<>(parts));
        measured = Collections.unmodifiableMap(new LinkedHashMap<>(measured));
    }

    /** A step in which nothing else was measured. */
    public StepResult(
            long step,
            double loss,
            Map<String, Double> parts,
            double gradNorm,
            double lr,
            boolean applied,
            @Nullable String nonFinite,
            StepTimes seconds) {
        this(step, loss, parts, gradNorm, lr, applied, nonFinite, seconds, Map.of());
    }

    StepResult plusRest(double more) {
        return new StepResult(step, loss, parts, gradNorm, lr, applied, nonFinite, seconds.plusRest(more), measured);
    }

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
}
