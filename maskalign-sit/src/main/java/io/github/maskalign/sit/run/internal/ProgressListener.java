package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.train.StepResult;
import io.github.maskalign.core.train.TrainListener;
import io.github.maskalign.core.train.TrainListener.StartKind;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.sit.run.Progress;
import io.github.maskalign.sit.run.RunConfig;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Shows how far a run is, and every step that was skipped. */
public final class ProgressListener implements TrainListener {
    private static final Logger LOG = LoggerFactory.getLogger(ProgressListener.class);

    private final RunConfig config;
    private final Progress.Display display;
    private @Nullable Progress progress;

    public ProgressListener(RunConfig config, Progress.Display display) {
        this.config = config;
        this.display = display;
    }

    @Override
    public void onStart(StartKind kind, TrainState state) {
        if (state.step() < config.train().steps()) {
            progress = display.open(new Progress.Plan(
                    "train",
                    state.step(),
                    config.train().steps(),
                    config.train().globalBatch(),
                    config.runtime().logEvery()));
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
