package io.github.maskalign.examples.training;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.internal.RunLock;
import io.github.maskalign.core.metrics.JsonlSink;
import io.github.maskalign.core.metrics.MetricSink.MetricSinks;
import io.github.maskalign.core.metrics.TensorBoardSink;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.train.MetricListener;
import io.github.maskalign.core.train.Objective;
import io.github.maskalign.core.train.OptimConfig;
import io.github.maskalign.core.train.OptimConfig.LrSchedule;
import io.github.maskalign.core.train.RunCheckpoints;
import io.github.maskalign.core.train.RunIdentity;
import io.github.maskalign.core.train.TrainConfig;
import io.github.maskalign.core.train.TrainListener;
import io.github.maskalign.core.train.TrainListener.StartKind;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.core.train.TrainLoop;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.sit.run.Progress;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Trains a small model in a folder of its own and publishes it after the last step.
 *
 * <p>The folder holds {@code config.yaml}, {@code stats.jsonl}, TensorBoard events and {@code checkpoints/}. The same run
 * again continues where the last one stopped.
 */
public final class ObjectiveRun {
    private static final Logger LOG = LoggerFactory.getLogger(ObjectiveRun.class);
    private static final int LOG_EVERY = 10;
    private static final double WARMUP = 0.05;
    private static final List<String> FREE = List.of("name:", "device:", "saveEvery:");

    private final String family;
    private final Bound<?> config;
    private final Path folder;
    private final String version;
    private Device device = Device.cpu();
    private Progress.Display display = Progress.Display.LOG;
    private volatile @Nullable TrainLoop running;
    private volatile boolean stopRequested;

    /** What is trained. */
    public interface Model {
        /** Returns the objective, with fresh weights that belong to {@code manager}. */
        Objective open(NDManager manager) throws IOException;

        /** Exports and measures after the last step. */
        void publish(TrainState state) throws IOException;
    }

    /**
     * Describes a run.
     *
     * @param family what kind of model it trains, which its checkpoints state
     * @param config how; all its keys but {@code name}, {@code device} and {@code saveEvery} decide which checkpoints it can go on from
     * @param folder the run's folder, which exists
     * @param version version of this program
     */
    public ObjectiveRun(String family, Bound<?> config, Path folder, String version) {
        this.family = family;
        this.config = config;
        this.folder = folder;
        this.version = version;
    }

    /** Shows the run in this way instead of by lines of the log. */
    public void show(Progress.Display wanted) {
        display = wanted;
    }

    /** Trains there instead of on the CPU. */
    public ObjectiveRun on(Device where) {
        device = where;
        return this;
    }

    /**
     * Trains until the last step, or until somebody asks to stop; publishes after the last step.
     *
     * @throws IOException if the folder cannot be used or its checkpoints are of another run
     */
    public StopReason run(TrainConfig train, OptimConfig optim, Model model) throws IOException {
        Files.createDirectories(folder);
        try (RunLock lock = RunLock.acquire(folder);
                NDManager manager = NDManager.newBaseManager(device)) {
            Objective objective = model.open(manager);
            try (TrainState state = new TrainState(manager, objective.parameters(), optim)) {
                RunIdentity identity = RunIdentity.of(
                        family, settings(), Map.of("maskalign", version, "random_numbers", Draws.ALGORITHM));
                RunCheckpoints checkpoints =
                        RunCheckpoints.open(folder, identity, train.saving().keepLast());
                TrainLoop loop = new TrainLoop(
                                train,
                                optim,
                                objective,
                                state,
                                List.of(
                                        new Records(train.steps()),
                                        new MetricListener(this::sinks, LOG_EVERY),
                                        Progress.listener(display, train.steps(), train.globalBatch(), LOG_EVERY)))
                        .withCheckpoints(checkpoints);
                running = loop;
                if (stopRequested) {
                    loop.requestStop();
                }
                StopReason reason = loop.run();
                if (reason == StopReason.COMPLETED) {
                    model.publish(state);
                }
                return reason;
            }
        }
    }

    /** Asks the run to end after its step, saving its state; may be called from any thread, at any time. */
    public void requestStop() {
        stopRequested = true;
        TrainLoop loop = running;
        if (loop != null) {
            loop.requestStop();
        }
    }

    /** Returns AdamW for a small model: a linear warm-up over a twentieth of the steps, then half a cosine down to 0. */
    public static OptimConfig optim(long steps, double lr, double emaDecay) {
        long warmup = Math.min(steps - 1, Math.max(1, Math.round(WARMUP * steps)));
        return OptimConfig.PAPER
                .withLr(lr)
                .withMoments(0.9, 0.95, 1e-8)
                .withEmaDecay(emaDecay)
                .withSchedule(LrSchedule.COSINE, warmup, steps, 0);
    }

    /** Returns the loop of a small model, which keeps its last two states. */
    public static TrainConfig train(long steps, int batch, long saveEvery) {
        return new TrainConfig(
                steps, batch, 1, new TrainConfig.Saving(saveEvery, 2, 0), new TrainConfig.Skipping(10, 100));
    }

    /** Tells every tenth of the drawing of the emoji. */
    public static void drawing(int done, int total) {
        if (done == total || done % Math.max(1, total / 10) == 0) {
            LOG.info("drawing the emoji: {} of {}", done, total);
        }
    }

    private Map<String, String> settings() {
        Map<String, String> out = new LinkedHashMap<>();
        for (String line : config.yaml().split("\n", -1)) {
            int colon = line.indexOf(':');
            if (colon > 0 && FREE.stream().noneMatch(line::startsWith)) {
                out.put(
                        line.substring(0, colon).trim(),
                        line.substring(colon + 1).trim());
            }
        }
        return out;
    }

    private MetricSinks sinks(long firstStep) throws IOException {
        return new MetricSinks(List.of(
                JsonlSink.open(folder.resolve("stats.jsonl"), firstStep), TensorBoardSink.open(folder, firstStep)));
    }

    /** Writes the config before the first step. */
    private final class Records implements TrainListener {
        private final long steps;

        Records(long steps) {
            this.steps = steps;
        }

        @Override
        public void onStart(StartKind kind, TrainState state) {
            try {
                AtomicFile.write(folder.resolve("config.yaml"), config.yaml());
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            LOG.info("{} at step {} of {} in {}", kind, state.step(), steps, folder);
        }
    }
}
