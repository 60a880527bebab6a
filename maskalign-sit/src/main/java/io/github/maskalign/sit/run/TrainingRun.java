package io.github.maskalign.sit.run;

import ai.djl.ndarray.NDManager;
import com.google.gson.JsonObject;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.data.internal.ChannelStatistics;
import io.github.maskalign.core.distributed.Agreement;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.distributed.Communicators.LocalCommunicator;
import io.github.maskalign.core.engine.internal.NativeExit;
import io.github.maskalign.core.engine.internal.NativeThreads;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.internal.RunLock;
import io.github.maskalign.core.metrics.MetricSink.MetricSinks;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.train.MetricListener;
import io.github.maskalign.core.train.Objective;
import io.github.maskalign.core.train.RunCheckpoints;
import io.github.maskalign.core.train.RunIdentity;
import io.github.maskalign.core.train.StepResult;
import io.github.maskalign.core.train.TrainConfig.BatchPlan;
import io.github.maskalign.core.train.TrainListener;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.core.train.TrainLoop;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.core.train.TrainStep.StepMemoryException;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTObjective;
import io.github.maskalign.sit.SiTTraining;
import io.github.maskalign.sit.run.internal.ClassNames;
import io.github.maskalign.sit.run.internal.DeterministicMode;
import io.github.maskalign.sit.run.internal.EncoderChoice;
import io.github.maskalign.sit.run.internal.EndToEndRun;
import io.github.maskalign.sit.run.internal.EvaluationListener;
import io.github.maskalign.sit.run.internal.InitialWeights;
import io.github.maskalign.sit.run.internal.LatentNorm;
import io.github.maskalign.sit.run.internal.MemoryAdvice;
import io.github.maskalign.sit.run.internal.MemoryListener;
import io.github.maskalign.sit.run.internal.PictureListener;
import io.github.maskalign.sit.run.internal.Provenance;
import io.github.maskalign.sit.run.internal.RunData;
import io.github.maskalign.sit.run.internal.RunEvaluation;
import io.github.maskalign.sit.run.internal.RunObjective;
import io.github.maskalign.sit.run.internal.RunPlan;
import io.github.maskalign.sit.run.internal.RunStart;
import io.github.maskalign.sit.run.internal.StopRequest;
import io.github.maskalign.sit.weights.ModelSettings;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
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
 * <p>The folder holds {@code config.yaml} (resolved), {@code provenance.json}, {@code classes.json} if classes have names, {@code ATTRIBUTION.txt} of the training
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
    private final StopRequest stopping = new StopRequest();

    /** What is rarely changed. */
    private record Settings(
            Path cache,
            String version,
            Map<String, String> environment,
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
                        Map.of(),
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
        return with(new Settings(cache, settings.version, settings.environment, settings.display, settings.initial));
    }

    /** Returns the run of another version of the program, which its provenance states. */
    public TrainingRun withVersion(String version) {
        return with(new Settings(settings.cache, version, settings.environment, settings.display, settings.initial));
    }

    /**
     * Returns the run that knows the variables of its process, {@code System.getenv()}; it knows none unless given. Its
     * provenance states those that change rounding, {@code runtime.deterministic} needs one on a GPU, and of several
     * ranks on a machine each finds its GPU by them.
     */
    public TrainingRun withEnvironment(Map<String, String> variables) {
        return with(new Settings(
                settings.cache, settings.version, Map.copyOf(variables), settings.display, settings.initial));
    }

    /** Returns the run with another display of how far it is; lines of the log unless given. */
    public TrainingRun withDisplay(Progress.Display display) {
        return with(new Settings(settings.cache, settings.version, settings.environment, display, settings.initial));
    }

    /**
     * Returns the run that starts from weights, unless it has a checkpoint to go on from.
     *
     * @param weights a run folder, whose newest averaged weights are taken, or a file of weights of any project
     * @param freshProjectors whether projectors may be missing, which then start fresh, or not be needed
     */
    public TrainingRun withInitialWeights(Path weights, boolean freshProjectors) {
        InitialWeights initial = new InitialWeights(weights, freshProjectors);
        return with(new Settings(settings.cache, settings.version, settings.environment, settings.display, initial));
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
        EndToEndRun.requireRunnable(run, ranks.size());
        agreement.requireSame("the digest of the config", HexFormat.of().parseHex(config.hash()));
        try (DeterministicMode mode =
                        agreement.together(() -> DeterministicMode.of(run.runtime(), settings.environment));
                Closeable products =
                        agreement.together(() -> run.runtime().precision().enter());
                Closeable lock = agreement.together(() -> lock(ranks));
                NDManager manager = agreement.together(() -> manager(run, ranks));
                RunData data = data(run, agreement);
                Encoder encoder = agreement.together(() -> new Encoder(
                        data.data().tokenWidth() > 0 // then the tokens come with the samples
                                ? List.of()
                                : EncoderChoice.open(
                                        run, RunPlan.model(run), data.pictureSide(), manager.getDevice())));
                Sinks sinks = new Sinks()) {
            SiTObjective transformer = agreement.together(() -> objective(run, data, encoder.opened(), manager));
            try (RunObjective side = agreement.together(() -> RunObjective.of(run, data, transformer, manager));
                    TrainState state = new TrainState(
                            manager, side.objective().parameters(), run.optim(), side.objective()::isAveraged)) {
                Objective objective = side.objective();
                Optional<RunCheckpoints> checkpoints = Optional.empty();
                List<TrainListener> listeners = List.of();
                if (ranks.isRoot()) {
                    Map<String, String> provenance = Provenance.of(run, settings.version, ranks, settings.environment);
                    checkpoints = Optional.of(checkpoints(data, provenance, side));
                    listeners = listeners(data, provenance, manager, sinks, ranks);
                }
                TrainLoop ranked =
                        new TrainLoop(run.train(), run.optim(), objective, state, listeners).withAgreement(agreement);
                return stopping.run(checkpoints.map(ranked::withCheckpoints).orElse(ranked));
            }
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

    private NDManager manager(RunConfig run, Communicator ranks) {
        NativeExit.install();
        if (run.runtime().threads() > 0) {
            NativeThreads.set(run.runtime().threads());
        }
        return NDManager.newBaseManager(run.runtime().device(ranks.localRank(), settings.environment));
    }

    /** Opens the data, first on one rank of each machine: the others then find what it has put into the cache. */
    private RunData data(RunConfig run, Agreement agreement) throws IOException {
        Communicator ranks = agreement.ranks();
        Draws draws = new Draws(run.seed());
        Optional<RunData> first = agreement.together(() -> ranks.localRank() == 0
                ? Optional.of(RunData.open(run, settings.cache, draws, ranks, settings.display))
                : Optional.empty());
        return agreement.together(() ->
                first.isPresent() ? first.get() : RunData.open(run, settings.cache, draws, ranks, settings.display));
    }

    private static SiTObjective objective(
            RunConfig run, RunData data, List<RepresentationEncoder> encoders, NDManager manager) throws IOException {
        SiTTraining.Builder training = SiTTraining.builder()
                .setModel(RunPlan.model(run))
                .setData(data.data())
                .setTrain(run.train())
                .optSeed(run.seed())
                .optPrecision(run.runtime().precision().ofBlocks())
                .optDiffusion(run.diffusion());
        return training.optEncoders(encoders).buildObjective(manager);
    }

    private RunCheckpoints checkpoints(RunData data, Map<String, String> provenance, RunObjective side)
            throws IOException {
        RunConfig run = config.value();
        SiTConfig model = RunPlan.model(run);
        Map<String, String> settled = identity(run, data);
        settled.putAll(side.identity());
        RunIdentity identity = RunIdentity.of(ModelSettings.family(model), settled, provenance)
                .withExact(run.runtime().deterministic() ? Provenance.EXACT : Set.of())
                .withLater(Provenance.LATER)
                .withAddable(RunPlan.ADDABLE);
        RunCheckpoints own = side.in(
                RunCheckpoints.open(
                        folder,
                        identity,
                        run.train().saving().keepLast(),
                        run.train().keepEvery()),
                folder);
        InitialWeights initial = settings.initial;
        return initial == null ? own : initial.in(own, folder, model);
    }

    /** What rank 0 does beside training, in this order. */
    private List<TrainListener> listeners(
            RunData data, Map<String, String> provenance, NDManager manager, Sinks sinks, Communicator ranks)
            throws IOException {
        RunConfig run = config.value();
        List<TrainListener> listeners = new ArrayList<>();
        Map<String, String> files = new HashMap<>(Map.of(
                "config.yaml", config.yaml(),
                "provenance.json", Provenance.json(config, provenance),
                "ATTRIBUTION.txt", data.attribution()));
        if (!data.classes().names().isEmpty()) {
            files.put(ClassNames.FILE, data.classes().json());
        }
        LatentNorm.of(run.data())
                .statistics()
                .ifPresent(statistics -> files.put(ChannelStatistics.FILE, statistics.json()));
        listeners.add(new RunStart(folder, files, run.train().steps()));
        listeners.add(new Costs());
        MemoryListener memory = new MemoryListener(run, BatchPlan.of(run.train(), ranks));
        listeners.add(memory);
        listeners.add(new MetricListener(sinks, run.runtime().logEvery(), memory.expected()));
        listeners.add(Progress.listener(
                settings.display,
                run.train().steps(),
                run.train().globalBatch(),
                run.runtime().logEvery()));
        if (run.evaluate().every() > 0) {
            RunEvaluation evaluation = new RunEvaluation(run, manager, data.pictures(), folder);
            Duration limit = ranks.size() == 1 ? FOREVER : OTHERS_WAIT;
            listeners.add(new EvaluationListener(run, evaluation, sinks, folder, stopping::requested, limit));
        }
        listeners.add(new PictureListener(run, folder, manager, sinks));
        return listeners;
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
        stopping.request();
    }

    /** The encoders, if there are any. */
    private record Encoder(List<RepresentationEncoder> opened) implements AutoCloseable {
        @Override
        public void close() {
            opened.forEach(RepresentationEncoder::close);
        }
    }

    /** The sinks of several listeners: the first one opens them, and the end of the run closes them. */
    private final class Sinks implements MetricListener.Opening, AutoCloseable {
        private @Nullable MetricSinks opened;

        @Override
        public MetricSinks open(long firstStep) throws IOException {
            MetricSinks sinks = opened == null ? MetricSinks.inFolder(folder, firstStep) : opened;
            opened = sinks;
            return sinks.shared();
        }

        @Override
        public void close() {
            if (opened != null) {
                opened.close();
            }
        }
    }

    /** Says what the run cost after its last step. */
    private static final class Costs implements TrainListener {
        private double inside;
        private double outside;

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
