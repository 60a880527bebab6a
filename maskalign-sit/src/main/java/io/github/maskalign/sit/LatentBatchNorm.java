package io.github.maskalign.sit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.initializer.Initializer;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.core.script.internal.InPlace;
import org.jspecify.annotations.Nullable;

/**
 * The batch norm without weights through which the latents of an autoencoder that changes come to the model (REPA-E).
 *
 * <pre>
 * running:  (z − mean) / √(var + 1e-4)                                 what the block computes
 * batch:    the same with mean and variance of the batch, of which the running ones then take in the share {@code momentum}
 * </pre>
 *
 * <p>The running statistics are parameters without gradients, so they are saved and averaged with the weights.
 */
final class LatentBatchNorm extends ScriptedBlock {
    private static final ScriptFunction BY_STATISTICS =
            ScriptFunction.of(SiT.class, "end_to_end.py", "normalised").bind("eps", EndToEnd.EPS);

    private final ScriptFunction byBatch;
    private long step = -1;
    private @Nullable NDList moved;

    LatentBatchNorm(int channels, double momentum) {
        super(BY_STATISTICS);
        byBatch = ScriptFunction.of(SiT.class, "end_to_end.py", "batch_normalised")
                .bind("momentum", momentum)
                .bind("eps", EndToEnd.EPS);
        frozen("running_mean", new Shape(channels), Initializer.ZEROS);
        frozen("running_var", new Shape(channels), Initializer.ONES);
    }

    /** Gives the running statistics values, one for each channel, and forgets what was not yet taken over. */
    void restart(NDArray mean, NDArray variance) {
        forget();
        InPlace.copy(new NDList(mean, variance), own());
    }

    private NDList own() {
        NDList arrays = new NDList();
        getDirectParameters().values().forEach(parameter -> arrays.add(parameter.getArray()));
        return arrays;
    }

    /** Returns latents normalised by the running statistics, recorded if gradient mode is on. */
    NDArray byRunning(NDArray z, long atStep) {
        NDList now = statistics(atStep);
        return BY_STATISTICS.callForOne(z, now.get(0), now.get(1));
    }

    /**
     * Returns latents normalised by their own statistics. Nothing is recorded. The running statistics move once {@link
     * #takeOver} is called; until then only later micro-batches of the step see it.
     */
    NDArray byBatch(NDArray z, long atStep) {
        try (GradMode values = GradMode.off()) {
            NDList before = statistics(atStep);
            NDList found = byBatch.callOn(z.getManager(), z, before.get(0), before.get(1));
            NDList after = new NDList(found.get(1), found.get(2));
            after.attach(own().get(0).getManager());
            forget();
            moved = after;
            step = atStep;
            return found.get(0);
        }
    }

    /** Moves the running statistics by the batches since the last call. */
    void takeOver() {
        NDList after = moved;
        if (after != null) {
            InPlace.copy(after, own());
            forget();
        }
    }

    /** The running statistics as the micro-batches of a step left them. */
    private NDList statistics(long atStep) {
        NDList after = moved;
        if (after != null && step != atStep) { // of a step that was skipped
            forget();
            after = null;
        }
        return after == null ? own() : after;
    }

    private void forget() {
        if (moved != null) {
            moved.close();
            moved = null;
        }
    }
}
