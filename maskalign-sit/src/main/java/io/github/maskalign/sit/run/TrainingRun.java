package io.github.maskalign.sit.run;

import com.google.gson.JsonObject;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.distributed.Agreement;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.distributed.Communicators.LocalCommunicator;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.internal.RunLock;
import io.github.maskalign.core.metrics.JsonlSink;
import io.github.maskalign.core.metrics.MetricSink.MetricSinks;
import io.github.maskalign.core.metrics.TensorBoardSink;
import io.github.maskalign.core.train.MetricListener;
import io.github.maskalign.core.train.RunCheckpoints;
import io.github.maskalign.core.train.RunIdentity;
import io.github.maskalign.core.train.StepResult;
import io.github.maskalign.core.train.TrainConfig.BatchPlan;
import io.github.maskalign.core.train.TrainListener;
import io.github.maskalign.core.train.TrainListener.StartKind;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.core.train.TrainLoop;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.core.train.TrainStep.StepMemoryException;
import io.github.maskalign.sit.run.internal.DeterministicMode;
import io.github.maskalign.sit.run.internal.EvaluationListener;
import io.github.maskalign.sit.run.internal.ExperimentParts;
import io.github.maskalign.sit.run.internal.InitialWeights;
import io.github.maskalign.sit.run.internal.MemoryAdvice;
import io.github.maskalign.sit.run.internal.MemoryListener;
import io.github.maskalign.sit.run.internal.PictureListener;
import io.github.maskalign.sit.run.internal.ProgressListener;
import io.github.maskalign.sit.run.internal.Provenance;
import io.github.maskalign.sit.run.internal.RunData;
import io.github.maskalign.sit.run.internal.RunEvaluation;
import io.github.maskalign.sit.run.internal.RunPlan;
import io.github.maskalign.sit.run.internal.SharedSinks;
import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Trains as a config says, in a folder of its own.
 *
 * <pre>{@code
 * StopReason reason = TrainingRun.open(Path.of("config.yaml"), Path.of("runs/mine")).run();
 * }</pre>
 *
 * <p>The folder holds {@code config.yaml} (resolved), {@code provenance.json}, {@code ATTRIBUTION.txt} of the training
 * pictures, {@code stats.jsonl}, TensorBoard events, {@code checkpoints/}, snapshots of the averaged weights, {@code
 * samples*.png} and {@code loss.png}. The same call again continues where the last one stopped. The program brings the
 * natives of the engine, and a back end for SLF4J if it wants to see what the run says.
 */
public final class TrainingRun {
    private static final Logger LOG = LoggerFactory.getLogger(TrainingRun.class);

    private static final Duration FOREVER = Duration.ofDays(365);

    /** Longest evaluation by rank 0 while others wait: well below their patience, which counts other work too. */
    private static final Duration OTHERS_WAIT = Duration.ofMinutes(15);

    private final Bound<RunConfig> config;
    private final Path folder;
    private final Settings settings;
    private volatile @Nullable TrainLoop running;
    private volatile boolean stopRequested;

    /** What is rarely changed. */
    private record Settings(
            Path cache,
            String version,
            Progress.Display display,
            @Nullable InitialWeights initial) {}

    private TrainingRun(Bound<RunConfig> config, Path folder, Settings settings) {
        this.config = config;
        this.folder = folder;
        this.settings = settings;
    }

    /**
     * Describes a run; nothing is opened or written before {@link #run}.
     *
     * @param config what to train
     * @param folder the run's folder; made if it does not exist
     * @throws IllegalArgumentException if the sections of the config make no model
     */
    public static TrainingRun open(Bound<RunConfig> config, Path folder) {
        RunPlan.model(config.value());
        String version = TrainingRun.class.getPackage().getImplementationVersion();
        return new TrainingRun(
                config,
                folder,
                new Settings(
                        folder.resolve("cache"),
                        version == null ? "development" : version,
                        Progress.Display.LOG,
                        null));
    }

    /**
     * Describes a run.
     *
     * @param config YAML file of a {@link RunConfig}
     * @param folder the run's folder; made if it does not exist
     * @throws io.github.maskalign.core.config.ConfigException for all mistakes in the file at once
     */
    public static TrainingRun open(Path config, Path folder) {
        return open(ConfigBinder.bind(config, List.of(), RunConfig.class), folder);
    }

    /** Returns the run with another place than its folder's {@code cache} for what a {@link TrainingSource} makes once. */
    public TrainingRun withCache(Path cache) {
        return with(new Settings(cache, settings.version, settings.display, settings.initial));
    }

    /** Returns the run of another version of the program, which its provenance states. */
    public TrainingRun withVersion(String version) {
        return with(new Settings(settings.cache, version, settings.display, settings.initial));
    }

    /** Returns the run with another display of how far it is; lines of the log unless given. */
    public TrainingRun withDisplay(Progress.Display display) {
        return with(new Settings(settings.cache, settings.version, display, settings.initial));
    }

    /**
     * Returns the run that starts from weights, unless it has a checkpoint to go on from.
     *
     * @param weights a run folder, whose newest averaged weights are taken, or a file of weights of any project
     * @param freshProjectors whether projectors may be missing, which then start fresh, or not be needed
     */
    public TrainingRun withInitialWeights(Path weights, boolean freshProjectors) {
        InitialWeights initial = new InitialWeights(weights, freshProjectors);
        return with(new Settings(settings.cache, settings.version, settings.display, initial));
    }

    private TrainingRun with(Settings other) {
        return new TrainingRun(config, folder, other);
    }

    /**
     * Trains until the last step, or until somebody asks to stop.
     *
     * @throws IOException if the folder cannot be used or its checkpoints are of another run
     * @throws StepMemoryException if there is not enough memory for a step; says what to change
     */
    public StopReason run() throws IOException {
        return run(new Agreement(new LocalCommunicator()));
    }

    /**
     * Trains as one of several ranks, which have the same config. Rank 0 alone uses the run's folder.
     *
     * @param agreement how the ranks go on together
     * @throws IOException if the folder cannot be used or its checkpoints are of another run
     * @throws StepMemoryException if there is not enough memory for a step; says what to change
     */
    public StopReason run(Agreement agreement) throws IOException {
        RunConfig run = config.value();
        Communicator ranks = agreement.ranks();
        agreement.requireSame("the digest of the config", HexFormat.of().parseHex(config.hash()));
        try (DeterministicMode mode = agreement.together(() -> DeterministicMode.of(run.runtime(), System.getenv()));
                Closeable products =
                        agreement.together(() -> run.runtime().precision().enter());
                Closeable lock = agreement.together(() -> lock(ranks));
                ExperimentParts parts = open(run, agreement);
                TrainState state = new TrainState(
                        parts.manager(),
                        parts.objective().parameters(),
                        run.optim().extraEmaDecays())) {
            Optional<RunCheckpoints> checkpoints = Optional.empty();
            List<TrainListener> listeners = new ArrayList<>();
            if (ranks.isRoot()) {
                Map<String, String> provenance = Provenance.of(run, settings.version, ranks, System.getenv());
                RunIdentity identity = RunIdentity.of(RunPlan.family(run), identity(run, parts.data()), provenance)
                        .withExact(run.runtime().deterministic() ? Provenance.EXACT : Set.of())
                        .withLater(Provenance.LATER)
                        .withAddable(RunPlan.ADDABLE);
                RunCheckpoints own = RunCheckpoints.open(
                        folder,
                        identity,
                        run.train().saving().keepLast(),
                        run.train().keepEvery());
                InitialWeights initial = settings.initial;
                checkpoints = Optional.of(initial == null ? own : initial.in(own, folder, RunPlan.model(run)));
                listeners.add(new Records(provenance, parts.data().attribution()));
                SharedSinks sinks = new SharedSinks(this::sinks);
                MemoryListener memory = new MemoryListener(run, BatchPlan.of(run.train(), ranks));
                listeners.add(memory);
                listeners.add(new MetricListener(sinks, run.runtime().logEvery(), memory.expected()));
                listeners.add(new ProgressListener(run, settings.display));
                if (run.evaluate().every() > 0) {
                    listeners.add(evaluations(run, parts, sinks, ranks));
                }
                listeners.add(new PictureListener(run, folder, parts.manager(), sinks));
            }
            TrainLoop ranked = new TrainLoop(run.train(), run.optim(), parts.objective(), state, listeners)
                    .withAgreement(agreement);
            TrainLoop loop = checkpoints.map(ranked::withCheckpoints).orElse(ranked);
            running = loop;
            if (stopRequested) {
                loop.requestStop();
            }
            return loop.run();
        } catch (StepMemoryException e) {
            throw e.withAdvice(MemoryAdvice.of(run, e.shortage().place(), ranks.size()));
        }
    }

    private Closeable lock(Communicator ranks) throws IOException {
        if (!ranks.isRoot()) {
            return () -> {};
        }
        try {
            AtomicFile.createFolders(folder);
        } catch (FileAlreadyExistsException e) {
            throw new FileSystemException(
                    folder.toString(), null, "the run folder cannot be made: a file is in its place");
        } catch (IOException e) {
            throw new FileSystemException(folder.toString(), null, "the run folder cannot be made: " + e.getMessage());
        }
        return RunLock.acquire(folder)::close;
    }

    /** Opens the parts, first on one rank of each machine: the others then find what it has put into the cache. */
    private ExperimentParts open(RunConfig run, Agreement agreement) throws IOException {
        Communicator ranks = agreement.ranks();
        Optional<ExperimentParts> first = agreement.together(() -> ranks.localRank() == 0
                ? Optional.of(ExperimentParts.open(run, settings.cache, ranks))
                : Optional.empty());
        return agreement.together(
                () -> first.isPresent() ? first.get() : ExperimentParts.open(run, settings.cache, ranks));
    }

    private static Map<String, String> identity(RunConfig run, RunData data) {
        Map<String, String> settings = RunPlan.settings(run);
        if (!data.identity().isEmpty()) {
            settings.put("data.identity", data.identity()); // the same path may hold another set some day
        }
        return settings;
    }

    /** Asks the run to end after its step, saving its state; may be called from any thread, at any time. */
    public void requestStop() {
        stopRequested = true;
        TrainLoop loop = running;
        if (loop != null) {
            loop.requestStop();
        }
    }

    private EvaluationListener evaluations(
            RunConfig run, ExperimentParts parts, SharedSinks sinks, Communicator ranks) {
        RunEvaluation evaluation =
                new RunEvaluation(run, parts.manager(), parts.data().pictures(), folder);
        Duration limit = ranks.size() == 1 ? FOREVER : OTHERS_WAIT;
        return new EvaluationListener(run, evaluation, sinks, folder, () -> stopRequested, limit);
    }

    private MetricSinks sinks(long firstStep) throws IOException {
        return new MetricSinks(List.of(
                JsonlSink.open(folder.resolve("stats.jsonl"), firstStep), TensorBoardSink.open(folder, firstStep)));
    }

    /** Writes what the run is before its first step, and what it cost after its last. */
    private final class Records implements TrainListener {
        private final Map<String, String> provenance;
        private final String attribution;
        private double inside;
        private double outside;

        Records(Map<String, String> provenance, String attribution) {
            this.provenance = provenance;
            this.attribution = attribution;
        }

        @Override
        public void onStart(StartKind kind, TrainState state) {
            try {
                AtomicFile.write(folder.resolve("config.yaml"), config.yaml());
                AtomicFile.write(folder.resolve("provenance.json"), Provenance.json(config, provenance));
                AtomicFile.write(folder.resolve("ATTRIBUTION.txt"), attribution);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            LOG.info(
                    "{} at step {} of {} in {}",
                    kind,
                    state.step(),
                    config.value().train().steps(),
                    folder);
        }

        @Override
        public void onStep(StepResult result, TrainState state) {
            inside += result.seconds().model() + result.seconds().update();
            outside += result.seconds().data()
                    + result.seconds().exchange()
                    + result.seconds().rest();
        }

        @Override
        public void onEnd(StopReason reason, TrainState state) {
            JsonObject summary = new JsonObject();
            summary.addProperty("step", state.step());
            summary.addProperty("seconds", inside + outside);
            summary.addProperty("outside_model", outside / Math.max(inside + outside, 1e-9));
            LOG.info("{} {}", reason, summary);
        }
    }
}
