package io.github.maskalign.core.train;

/** Why a training loop ended. */
public enum StopReason {
    /** All steps are done. */
    COMPLETED,
    /** Somebody asked for it, or interrupted the thread; the state is saved and the run can be resumed. */
    STOP_REQUESTED,
    /** Too many steps had numbers that were not finite; the last saved state can be resumed. */
    DIVERGED,
    /** An exception ended the run; the last saved state can be resumed. */
    FAILED
}
