package io.github.maskalign.examples.training;

import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.sit.run.Progress;
import java.io.IOException;

/** Training of a small model in a folder of its own; the same call again continues where the last one stopped. */
public abstract class SmallModelRun {
    private final ObjectiveRun run;

    /** Creates a run that trains by the given one. */
    protected SmallModelRun(ObjectiveRun run) {
        this.run = run;
    }

    /**
     * Trains until the last step, or until somebody asks to stop; exports and measures after the last step.
     *
     * @throws IOException if the folder cannot be used or its checkpoints are of another run
     */
    public final StopReason run() throws IOException {
        return run(run);
    }

    /** Opens drawings and model and trains. */
    protected abstract StopReason run(ObjectiveRun training) throws IOException;

    /** Shows the run in this way instead of by lines of the log. */
    public final void show(Progress.Display display) {
        run.show(display);
    }

    /** Asks the run to end after its step, saving its state; may be called from any thread, at any time. */
    public final void requestStop() {
        run.requestStop();
    }
}
