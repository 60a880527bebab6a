package io.github.maskalign.core.train;

import io.github.maskalign.core.engine.internal.MemoryShortage;

/**
 * There was not enough memory for a training step.
 *
 * <p>The weights may be half-way through an update, so the run must end; what was saved stays as it is, and a run with
 * smaller needs can go on from there.
 */
public final class StepMemoryException extends RuntimeException {
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
