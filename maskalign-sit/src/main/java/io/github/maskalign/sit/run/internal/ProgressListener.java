package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.train.StepResult;
import io.github.maskalign.core.train.TrainListener;
import io.github.maskalign.core.train.TrainListener.StartKind;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.sit.run.Progress;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Shows how far a run is, and every step that was skipped. */
public final class ProgressListener implements TrainListener {
    private static final Logger LOG = LoggerFactory.getLogger(ProgressListener.class);

    private final Progress.Display display;
    private final long steps;
    private final int imagesPerStep;
    private final int logEvery;
    private @Nullable Progress progress;

    /**
     * Creates the listener.
     *
     * @param steps number of steps of the whole run
     * @param imagesPerStep pictures each step takes
     * @param logEvery steps between two lines of a log
     */
    public ProgressListener(Progress.Display display, long steps, int imagesPerStep, int logEvery) {
        this.display = display;
        this.steps = steps;
        this.imagesPerStep = imagesPerStep;
        this.logEvery = logEvery;
    }

    @Override
    public void onStart(StartKind kind, TrainState state) {
        if (state.step() < steps) {
            progress = display.open(new Progress.Plan("train", state.step(), steps, imagesPerStep, logEvery));
        }
    }

    @Override
    public void onStep(StepResult result, TrainState state) {
        if (progress != null) {
            progress.step(result.step(), result.loss());
        }
        if (!result.applied()) {
            LOG.warn("step {} changed nothing: {} is not finite", result.step(), result.nonFinite());
        }
    }

    @Override
    public void onEnd(StopReason reason, TrainState state) {
        if (progress != null) {
            progress.close();
        }
    }
}
