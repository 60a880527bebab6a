package io.github.maskalign.core.train;

import java.io.IOException;
import java.nio.file.Path;

/**
 * Watches a training loop: progress, metrics, previews.
 *
 * <p>Called on the training thread, in the order in which the listeners were given. Gradient mode is off. A
 * listener may read the state's arrays but not keep them; an exception ends the run.
 */
public interface TrainListener {
    /** The state is ready and the first step has not begun. */
    default void onStart(StartKind kind, TrainState state) {}

    /** A step is done, applied or not. */
    default void onStep(StepResult result, TrainState state) {}

    /** A state or snapshot of this step is about to be saved; what a resume needs besides it should be safe by now. */
    default void onSaving(long step) {}

    /** A state (a folder) or a snapshot (a file) was saved. */
    default void onSaved(Path saved, long step) {}

    /**
     * The state could not be saved. It stays in memory: training goes on and tries again at the next interval, or
     * waits and tries again if the run is over or too many saves have failed.
     */
    default void onSaveFailed(long step, IOException failure) {}

    /** The loop is over; called once, also after an exception. */
    default void onEnd(StopReason reason, TrainState state) {}

    /** How a training loop started. */
    enum StartKind {
        /** From the newest saved state of its run folder. */
        RESUMED,
        /** At step 0, with the weights of a snapshot. */
        INITIALIZED,
        /** At step 0, with fresh weights. */
        SCRATCH
    }

    /** Why a training loop ended. */
    enum StopReason {
        /** All steps are done. */
        COMPLETED,
        /** Somebody asked for it, or interrupted the thread; the state is saved and the run can be resumed. */
        STOP_REQUESTED,
        /** Too many steps had numbers that were not finite; the last saved state can be resumed. */
        DIVERGED,
        /** An exception ended the run; the last saved state can be resumed. */
        FAILED
    }
}
