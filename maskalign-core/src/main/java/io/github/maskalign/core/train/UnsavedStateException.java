package io.github.maskalign.core.train;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * A run ended although its last state could not be saved, neither at once nor in the time that it waited for the disk.
 * Says which steps are lost and what is not.
 */
public final class UnsavedStateException extends IOException {
    private static final long serialVersionUID = 1L;

    private final long lostSteps;

    private UnsavedStateException(String message, long lostSteps, IOException cause) {
        super(message, cause);
        this.lostSteps = lostSteps;
    }

    /**
     * A state that could not be saved.
     *
     * @param step its step
     * @param savedStep step of the last saved state; not positive if there is none
     * @param saved its folder; null if there is none
     * @param snapshot the snapshot of {@code step}; null if there is none
     * @param waited how long it was tried
     * @param cause why the last attempt failed
     */
    static UnsavedStateException ofState(
            long step,
            long savedStep,
            @Nullable Path saved,
            @Nullable Path snapshot,
            Duration waited,
            IOException cause) {
        long first = Math.max(savedStep, 0) + 1;
        String lost = first == step ? "step " + step : "steps " + first + " to " + step;
        String kept = saved == null
                ? "nothing of the run, as nothing was saved before"
                : saved + ", from which the same command goes on";
        return new UnsavedStateException(
                "the state of step " + step + tried(waited, cause) + "Lost: " + lost + ". Not lost: " + kept
                        + (snapshot == null ? "" : "; " + snapshot + ", the averaged weights of step " + step) + ".",
                step - first + 1,
                cause);
    }

    /** A snapshot that could not be written although the state of its step is saved. */
    static UnsavedStateException ofSnapshot(long step, @Nullable Path saved, Duration waited, IOException cause) {
        return new UnsavedStateException(
                "the snapshot of step " + step + tried(waited, cause) + "Lost: no step. Not lost: " + saved
                        + ", from which the same command writes the snapshot.",
                0,
                cause);
    }

    /** Returns how many steps the next start will have to repeat. */
    public long lostSteps() {
        return lostSteps;
    }

    private static String tried(Duration waited, IOException cause) {
        String seconds = waited.toSeconds() == 0 ? "" : ", tried for " + waited.toSeconds() + " s";
        return " could not be saved" + seconds + ": " + cause.getMessage() + ". ";
    }
}
