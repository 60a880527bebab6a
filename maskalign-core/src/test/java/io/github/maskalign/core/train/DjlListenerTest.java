package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.metric.Metric;
import ai.djl.metric.Metrics;
import ai.djl.training.Trainer;
import ai.djl.training.listener.TrainingListener;
import ai.djl.training.listener.TrainingListenerAdapter;
import ai.djl.util.Progress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** DJL's own listeners, metrics and progress bars see our loop. */
class DjlListenerTest {
    private static final TrainConfig TEN =
            new TrainConfig(10, 4, 2, new TrainConfig.Saving(0, 1, 0), new TrainConfig.Skipping(2, 3));

    @TempDir
    Path folder;

    @Test
    void metricsHoldEachRecordedNumber() throws Exception {
        Metrics metrics = new Metrics();
        List<Double> losses = new ArrayList<>();
        try (RunningTiny run = new RunningTiny(
                folder, TEN, new MetricListener(first -> DjlListener.metrics(metrics), 1), onStep(losses))) {
            run.loop().run();
        }

        assertThat(metrics.getMetric("loss"))
                .hasSize(10)
                .extracting(Metric::getValue)
                .isEqualTo(losses);
        assertThat(metrics.getMetricNames()).contains("loss/largest", "grad_norm", "lr", "seconds");
    }

    @Test
    void progressMovesWithTheSteps() throws Exception {
        List<String> seen = new ArrayList<>();
        Progress bar = new Progress() {
            @Override
            public void reset(String message, long max, String trailing) {
                seen.add(message + " of " + max);
            }

            @Override
            public void start(long initial) {
                seen.add("start " + initial);
            }

            @Override
            public void end() {
                seen.add("end");
            }

            @Override
            public void increment(long by) {
                seen.add("increment " + by);
            }

            @Override
            public void update(long progress, String message) {
                seen.add(String.valueOf(progress));
            }
        };
        try (RunningTiny run = new RunningTiny(folder, TEN, DjlListener.progress(bar, 10))) {
            run.loop().run();
        }

        assertThat(seen)
                .containsExactly("Training of 10", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "end");
    }

    @Test
    void listenersSeeBatchesEpochsAndTheLoss() throws Exception {
        List<String> seen = new ArrayList<>();
        List<Double> losses = new ArrayList<>();
        Metrics[] metrics = new Metrics[1];
        TrainingListener own = new TrainingListenerAdapter() {
            @Override
            public void onTrainingBegin(Trainer trainer) {
                seen.add("begin");
            }

            @Override
            public void onTrainingBatch(Trainer trainer, BatchData data) {
                metrics[0] = trainer.getMetrics();
                seen.add(data.getBatch().getProgress() + "/" + data.getBatch().getProgressTotal());
            }

            @Override
            public void onEpoch(Trainer trainer) {
                seen.add("epoch");
            }

            @Override
            public void onTrainingEnd(Trainer trainer) {
                seen.add("end");
            }
        };
        TrainingListener[] all = Stream.concat(Stream.of(TrainingListener.Defaults.logging()), Stream.of(own))
                .toArray(TrainingListener[]::new);
        try (RunningTiny run = new RunningTiny(folder, TEN, new DjlListener(10, 4, all), onStep(losses))) {
            run.loop().run();
        }

        assertThat(seen)
                .containsExactly(
                        "begin", "0/4", "1/4", "2/4", "3/4", "epoch", "0/4", "1/4", "2/4", "3/4", "epoch", "0/4", "1/4",
                        "epoch", "end");
        assertThat(metrics[0].getMetric("train_epoch_loss")).hasSize(3);
        double firstEpoch =
                losses.subList(0, 4).stream().mapToDouble(d -> d).average().orElseThrow();
        assertThat(metrics[0].getMetric("train_epoch_loss").get(0).getValue().doubleValue())
                .isCloseTo(firstEpoch, org.assertj.core.api.Assertions.within(1e-4));
        assertThatThrownBy(() -> new DjlListener(0, 1)).hasMessageContaining("but were 0 and 1");
    }

    private static TrainListener onStep(List<Double> losses) {
        return new TrainListener() {
            @Override
            public void onStep(StepResult result, TrainState state) {
                losses.add(result.loss());
            }
        };
    }
}
