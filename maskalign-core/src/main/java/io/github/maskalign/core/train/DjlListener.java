package io.github.maskalign.core.train;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.metric.Metrics;
import ai.djl.metric.Unit;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Blocks;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.Batch;
import ai.djl.training.listener.TrainingListener;
import ai.djl.training.listener.TrainingListener.BatchData;
import ai.djl.training.loss.Loss;
import ai.djl.util.Progress;
import io.github.maskalign.core.metrics.MetricSink;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Tells DJL's listeners, metrics and progress bars what happens in a training loop of this library.
 *
 * <pre>{@code
 * Metrics metrics = new Metrics();
 * SiTTraining.builder()
 *         ...
 *         .optMetrics(first -> DjlListener.metrics(metrics))
 *         .optListener(DjlListener.progress(new ProgressBar(), steps))
 * }</pre>
 */
public final class DjlListener implements TrainListener {
    private final long steps;
    private final long stepsOfEpoch;
    private final TrainingListener[] listeners;
    private @Nullable Model model;
    private @Nullable Trainer trainer;

    /**
     * Creates a listener that hands on to DJL's, such as {@code TrainingListener.Defaults.logging()}.
     *
     * <p>They see a {@code Trainer} with {@code Metrics} and, as its loss, the loss of each step; its batches and
     * predictions are that number alone. Its model is empty: this library saves weights, not a listener.
     *
     * @param steps steps of the whole run, at least 1
     * @param stepsOfEpoch steps of an epoch, at least 1, such as the samples divided by the batch
     */
    public DjlListener(long steps, long stepsOfEpoch, TrainingListener... listeners) {
        if (steps < 1 || stepsOfEpoch < 1) {
            throw new IllegalArgumentException(
                    "steps and stepsOfEpoch must be at least 1 but were " + steps + " and " + stepsOfEpoch);
        }
        this.steps = steps;
        this.stepsOfEpoch = stepsOfEpoch;
        this.listeners = listeners.clone();
    }

    /**
     * Returns a sink that adds each number of a run to metrics of DJL's, under the names that {@link MetricListener}
     * lists. Pictures are left out.
     */
    public static MetricSink metrics(Metrics metrics) {
        return new MetricSink() {
            @Override
            public void scalars(long step, Map<String, Double> values) {
                values.forEach((name, value) -> metrics.addMetric(name, value, Unit.NONE));
            }

            @Override
            public void image(long step, String tag, byte[] png, int width, int height) {
                // DJL's metrics are numbers
            }

            @Override
            public void close() {
                // the metrics are the caller's
            }
        };
    }

    /**
     * Returns a listener that moves a progress bar of DJL's, or any other {@code Progress}, with the loss beside it.
     *
     * @param steps steps of the whole run, at least 1
     */
    public static TrainListener progress(Progress bar, long steps) {
        return new TrainListener() {
            @Override
            public void onStart(StartKind kind, TrainState state) {
                bar.reset("Training", steps);
                bar.update(state.step());
            }

            @Override
            public void onStep(StepResult result, TrainState state) {
                bar.update(result.step(), "loss " + (float) result.loss());
            }

            @Override
            public void onEnd(StopReason reason, TrainState state) {
                bar.end();
            }
        };
    }

    @Override
    public void onStart(StartKind kind, TrainState state) {
        Device device = state.manager().getDevice();
        Model shown = Model.newInstance("training", device);
        model = shown;
        shown.setBlock(Blocks.identityBlock());
        Trainer made = shown.newTrainer( // which tells them that it begins
                new DefaultTrainingConfig(new LossOfStep())
                        .optDevices(new Device[] {device})
                        .addTrainingListeners(listeners));
        trainer = made;
        made.setMetrics(new Metrics());
    }

    @Override
    public void onStep(StepResult result, TrainState state) {
        Trainer shown = trainer;
        if (shown == null) {
            return;
        }
        shown.addMetric("train", System.nanoTime() - Math.round(result.seconds().total() * 1e9));
        try (NDManager scratch = shown.getManager().newSubManager()) {
            NDArray loss = scratch.create((float) result.loss());
            Map<Device, NDList> both = Map.of(shown.getDevices()[0], new NDList(loss));
            long ofEpoch = (result.step() - 1) % stepsOfEpoch;
            Batch batch = new Batch(
                    scratch, new NDList(loss), new NDList(loss), 1, null, null, ofEpoch, Math.min(stepsOfEpoch, steps));
            shown.notifyListeners(listener -> listener.onTrainingBatch(shown, new BatchData(batch, both, both)));
        }
        if (result.step() % stepsOfEpoch == 0 || result.step() == steps) {
            shown.notifyListeners(listener -> listener.onEpoch(shown));
        }
    }

    @Override
    public void onEnd(StopReason reason, TrainState state) {
        Trainer shown = trainer;
        Model over = model;
        if (shown == null || over == null) {
            return;
        }
        shown.close(); // tells them that it ends
        over.close();
        trainer = null;
    }

    /** The number that the step has computed. */
    private static final class LossOfStep extends Loss {
        LossOfStep() {
            super("loss");
        }

        @Override
        public NDArray evaluate(NDList labels, NDList predictions) {
            return predictions.singletonOrThrow();
        }
    }
}
