package io.github.maskalign.core.train;

/** How a training loop started. */
public enum StartKind {
    /** From the newest saved state of its run folder. */
    RESUMED,
    /** At step 0, with the weights of a snapshot. */
    INITIALIZED,
    /** At step 0, with fresh weights. */
    SCRATCH
}
