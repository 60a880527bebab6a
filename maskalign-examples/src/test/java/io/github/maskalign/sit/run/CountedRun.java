package io.github.maskalign.sit.run;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.engine.DeviceCounts;
import io.github.maskalign.core.train.TrainListener.StopReason;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongConsumer;
import java.util.stream.Stream;

/**
 * A training of a few steps on emoji, on a GPU, and what the pretended one did in each step.
 *
 * @param reason why it ended
 * @param counts by step: everything since the step before was reported, with the reading of samples and the metrics
 */
record CountedRun(StopReason reason, Map<Long, DeviceCounts> counts) {
    /** The smallest model that has all parts of every method; a step that is counted neither saves nor draws. */
    static final List<String> TINY = List.of(
            "data.sets=[fxemoji]",
            "model.patchSize=4",
            "model.hiddenSize=24",
            "model.depth=4",
            "model.numHeads=4",
            "train.globalBatch=4",
            "train.saveEvery=1000",
            "runtime.logEvery=1",
            "runtime.previewPictures=1",
            "sample.steps=2");

    /**
     * Trains.
     *
     * @param file name in {@code configs}
     * @param stopAfter step after which to stop; 0 never does
     */
    static CountedRun train(String file, Path folder, long stopAfter, List<String> settings) throws IOException {
        AtomicReference<TrainingRun> running = new AtomicReference<>();
        Map<Long, DeviceCounts> counts = new TreeMap<>();
        AtomicReference<DeviceCounts> before = new AtomicReference<>();
        TrainingRun run = open(file, folder, settings, step -> {
            DeviceCounts now = DeviceCounts.now();
            if (before.get() != null) {
                counts.put(step, now.since(before.get()));
            }
            before.set(now);
            if (step == stopAfter) {
                running.get().requestStop();
            }
        });
        running.set(run);
        return new CountedRun(run.run(), counts);
    }

    /**
     * Returns a training on a GPU, not yet started.
     *
     * @param afterStep is told the number of each step that is done, by the thread that trains
     */
    static TrainingRun open(String file, Path folder, List<String> settings, LongConsumer afterStep)
            throws IOException {
        List<String> all = Stream.concat(settings.stream(), Stream.of("runtime.device=gpu"))
                .toList();
        return TrainingRun.open(ConfigBinder.bind(Path.of("..", "configs", file), all, RunConfig.class), folder)
                .withCache(Path.of("target", "emoji-cache"))
                .withVersion("test")
                .withDisplay(plan -> new Progress() {
                    @Override
                    public void step(long step, double loss) {
                        afterStep.accept(step);
                    }

                    @Override
                    public void close() {}
                });
    }
}
