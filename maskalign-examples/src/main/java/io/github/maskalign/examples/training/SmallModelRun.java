package io.github.maskalign.examples.training;

import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.sit.run.Progress;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Training of a small model in a folder of its own; the same call again continues where the last one stopped.
 *
 * @param <C> its config
 */
public abstract class SmallModelRun<C extends Record> {
    /** What to train. */
    protected final Bound<C> config;

    /** The run's folder; made if it does not exist. */
    protected final Path folder;

    /** Where drawn pictures are kept. */
    protected final Path cache;

    /** Version of this program, for the provenance. */
    protected final String version;

    private final ObjectiveRun run;

    /**
     * Describes a run.
     *
     * @param family what kind of model it trains, which its checkpoints state
     * @param config what to train
     * @param folder the run's folder; made if it does not exist
     * @param cache where drawn pictures are kept
     * @param version version of this program, for the provenance
     */
    protected SmallModelRun(String family, Bound<C> config, Path folder, Path cache, String version) {
        this.config = config;
        this.folder = folder;
        this.cache = cache;
        this.version = version;
        run = new ObjectiveRun(family, config, folder, version);
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
