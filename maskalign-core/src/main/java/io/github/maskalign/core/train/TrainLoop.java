package io.github.maskalign.core.train;

import ai.djl.TrainingDivergedException;
import ai.djl.ndarray.NDArray;
import io.github.maskalign.core.distributed.Agreement;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.distributed.Communicators.LocalCommunicator;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.train.RunCheckpoints.StateArrays;
import io.github.maskalign.core.train.RunSaver.SaveRetry;
import io.github.maskalign.core.train.TrainConfig.BatchPlan;
import io.github.maskalign.core.train.TrainListener.StartKind;
import io.github.maskalign.core.train.TrainListener.StopReason;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs steps until the run is complete or somebody asks it to stop, and saves on the way.
 *
 * <p>Every way out but an exception ends with a saved state, and running the same command again goes on
 * from there, on the same machine bit for bit as if nothing had happened. While it cannot be saved the loop keeps it in
 * memory and tries again, for {@link TrainConfig.FailedSaves#saveWaitSeconds}. One thread runs the loop; {@link #requestStop} may be
 * called from any.
 *
 * <p>With several ranks, see {@link #withAgreement}, each has a loop of its own over a state of its own; rank 0 loads, saves and usually is the only
 * one with listeners. The others start with a copy of its state, all take each step together, and all end when one is
 * asked to stop or fails. Before a state is saved the ranks compare their weights.
 */
public final class TrainLoop {
    private static final Logger LOG = LoggerFactory.getLogger(TrainLoop.class);

    /** Longest wait for the disk while other ranks wait for this one: well below their patience. */
    private static final Duration OTHERS_WAIT = Duration.ofMinutes(15);

    private final TrainConfig config;
    private final TrainState state;
    private final Optional<RunCheckpoints> checkpoints;
    private final Agreement agreement;
    private final RankedState ranked;
    private final OptimConfig optim;
    private final Objective objective;
    private final List<TrainListener> listeners;
    private final TrainStep step;
    private SaveRetry retry = new SaveRetry();
    private @Nullable RunSaver saver;
    private volatile boolean stopRequested;
    private int skippedInRow;
    private boolean interrupted;

    /**
     * Prepares a run of one process that saves nothing.
     *
     * @param config length and rhythm
     * @param optim settings of the optimiser
     * @param objective what to minimise
     * @param state fresh state over the objective's parameters
     * @param listeners who watches
     */
    public TrainLoop(
            TrainConfig config,
            OptimConfig optim,
            Objective objective,
            TrainState state,
            List<? extends TrainListener> listeners) {
        this(config, optim, objective, state, listeners, Optional.empty(), new Agreement(new LocalCommunicator()));
    }

    private TrainLoop(
            TrainConfig config,
            OptimConfig optim,
            Objective objective,
            TrainState state,
            List<? extends TrainListener> listeners,
            Optional<RunCheckpoints> checkpoints,
            Agreement agreement) {
        if (checkpoints.isPresent() && !agreement.ranks().isRoot()) {
            throw new IllegalArgumentException("rank 0, and no other, must have checkpoints; this is rank "
                    + agreement.ranks().rank());
        }
        this.config = config;
        this.optim = optim;
        this.objective = objective;
        this.state = state;
        this.checkpoints = checkpoints;
        this.listeners = List.copyOf(listeners);
        this.agreement = agreement;
        ranked = new RankedState(state, agreement);
        step = new TrainStep(objective, state, optim, BatchPlan.of(config, agreement.ranks()), agreement);
    }

    /**
     * Returns this loop, which has not run, as one that starts from files and saves to them.
     *
     * @param files where states and snapshots are saved, and what to start from; for rank 0 alone
     * @throws IllegalArgumentException for another rank
     */
    public TrainLoop withCheckpoints(RunCheckpoints files) {
        return new TrainLoop(config, optim, objective, state, listeners, Optional.of(files), agreement);
    }

    /**
     * Returns this loop, which has not run, as that of one of several ranks. Configs must be the same on every rank and
     * objectives must give the same loss for the same positions; listeners' calls that take long keep the others waiting.
     *
     * @param ranks how the ranks go on together
     * @throws IllegalArgumentException if this has checkpoints and is not to be rank 0
     */
    public TrainLoop withAgreement(Agreement ranks) {
        return new TrainLoop(config, optim, objective, state, listeners, checkpoints, ranks);
    }

    /** Replaces clock and sleep, for tests. */
    void waitWith(SaveRetry other) {
        retry = other;
    }

    /**
     * Asks the loop to end: it finishes its step, saves and returns. May be called from any thread, more than
     * once, and before the loop runs.
     */
    public void requestStop() {
        stopRequested = true;
    }

    /**
     * Trains.
     *
     * @return {@link StopReason#COMPLETED} or {@link StopReason#STOP_REQUESTED}
     * @throws TrainingDivergedException if more steps than allowed had numbers that were not finite; names the
     *     step and the quantity
     * @throws UnsavedStateException if the last state cannot be saved, or too many saves have failed; says what is lost
     * @throws IOException if the state to resume from cannot be read
     */
    public StopReason run() throws IOException {
        StopReason reason;
        try (GradMode values = GradMode.off()) {
            try {
                reason = train();
                closeSaver();
            } catch (IOException | RuntimeException | Error e) {
                agreement.fail(e);
                try {
                    closeSaver();
                } catch (RuntimeException | Error unsaved) {
                    e.addSuppressed(unsaved);
                }
                ended(e instanceof TrainingDivergedException ? StopReason.DIVERGED : StopReason.FAILED, e);
                throw e;
            }
            each(listener -> listener.onEnd(reason, state));
            return reason;
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private StopReason train() throws IOException {
        StartKind kind = start();
        long savedStep = kind == StartKind.RESUMED ? state.step() : -1;
        each(listener -> listener.onStart(kind, state));
        if (checkpoints.isPresent()) {
            RunCheckpoints files = checkpoints.get();
            saver = new RunSaver(config, state, files, listeners, savedStep, retry, patience(), this::isAskedToStop);
        }
        long idleSince = System.nanoTime();
        while (state.step() < config.steps() && !agreement.any(isAskedToStop())) {
            double idle = (System.nanoTime() - idleSince) * 1e-9;
            StepResult result = step.run().plusRest(idle);
            idleSince = System.nanoTime();
            each(listener -> listener.onStep(result, state));
            checkFinite(result);
            isAskedToStop();
            saveAtInterval();
        }
        ranked.requireSameWeights();
        isAskedToStop();
        return agreement.together(this::saveAtEnd);
    }

    private StartKind start() throws IOException {
        ranked.requireSamePlan(config, optim);
        StartKind kind = agreement.together(
                () -> checkpoints.isPresent() ? checkpoints.get().start(state) : StartKind.SCRATCH);
        StartKind started = ranked.spread(kind);
        objective.autoStop().ifPresent(stop -> stop.remember(state.autoStop()));
        return started;
    }

    /** Tells the listeners; if one of them fails too, that does not hide the cause. */
    private void ended(StopReason reason, Throwable cause) {
        try {
            each(listener -> listener.onEnd(reason, state));
        } catch (RuntimeException e) {
            cause.addSuppressed(e);
        }
    }

    private void saveAtInterval() throws IOException {
        if (state.step() >= config.steps()) {
            return; // saveAtEnd comes next
        }
        if (config.saving().saveEvery() > 0 && state.step() % config.saving().saveEvery() == 0) {
            ranked.requireSameWeights();
        }
        if (saver != null) {
            saver.atInterval();
        }
    }

    private StopReason saveAtEnd() throws IOException {
        boolean complete = state.step() >= config.steps();
        if (saver != null) {
            saver.atEnd(complete);
        }
        return complete ? StopReason.COMPLETED : StopReason.STOP_REQUESTED;
    }

    private void closeSaver() {
        RunSaver open = saver;
        saver = null;
        if (open != null) {
            open.close();
        }
    }

    /** Tells whether the run is to end. The thread's interruption is cleared, as it would make file operations fail. */
    private boolean isAskedToStop() {
        interrupted |= Thread.interrupted();
        return stopRequested || interrupted;
    }

    private Duration patience() {
        Duration patience = Duration.ofSeconds(config.failedSaves().saveWaitSeconds());
        boolean longer = patience.compareTo(OTHERS_WAIT) > 0;
        return agreement.ranks().size() > 1 && longer ? OTHERS_WAIT : patience;
    }

    private void checkFinite(StepResult result) {
        skippedInRow = result.applied() ? 0 : skippedInRow + 1;
        String limit = null;
        if (skippedInRow > config.skipping().maxSkippedInRow()) {
            limit = skippedInRow + " steps in a row were skipped and maxSkippedInRow is "
                    + config.skipping().maxSkippedInRow();
        } else if (!result.applied() && state.skipped() > config.skipping().maxSkipped()) {
            limit = state.skipped() + " steps were skipped and maxSkipped is "
                    + config.skipping().maxSkipped();
        }
        if (limit != null) {
            throw new TrainingDivergedException("training diverged at step " + result.step() + ": " + result.nonFinite()
                    + " is not finite (loss " + result.loss() + ", gradient norm " + result.gradNorm() + "); " + limit
                    + ". No skipped step has changed a weight.");
        }
        if (!result.applied() && agreement.ranks().isRoot()) {
            LOG.warn(
                    "step {} was skipped: {} is not finite (loss {}, gradient norm {})",
                    result.step(),
                    result.nonFinite(),
                    result.loss(),
                    result.gradNorm());
        }
    }

    private void each(Consumer<TrainListener> call) {
        listeners.forEach(call);
    }

    /**
     * A run ended although its last state could not be saved, neither at once nor in the time that it waited for the disk.
     * Says which steps are lost and what is not.
     */
    public static final class UnsavedStateException extends IOException {
        private static final long serialVersionUID = 1L;

        private final long lostSteps;

        private UnsavedStateException(String message, long lostSteps, IOException cause) {
            super(message, cause);
            this.lostSteps = lostSteps;
        }

        /**
         * A state that could not be saved.
         *
         * @param step its step
         * @param savedStep step of the last saved state; not positive if there is none
         * @param saved its folder; null if there is none
         * @param snapshot the snapshot of {@code step}; null if there is none
         * @param waited how long it was tried
         * @param cause why the last attempt failed
         */
        static UnsavedStateException ofState(
                long step,
                long savedStep,
                @Nullable Path saved,
                @Nullable Path snapshot,
                Duration waited,
                IOException cause) {
            long first = Math.max(savedStep, 0) + 1;
            String lost = first == step ? "step " + step : "steps " + first + " to " + step;
            String kept = saved == null
                    ? "nothing of the run, as nothing was saved before"
                    : saved + ", from which the same command goes on";
            return new UnsavedStateException(
                    "the state of step " + step + tried(waited, cause) + "Lost: " + lost + ". Not lost: " + kept
                            + (snapshot == null ? "" : "; " + snapshot + ", the averaged weights of step " + step)
                            + ".",
                    step - first + 1,
                    cause);
        }

        /** A snapshot that could not be written although the state of its step is saved. */
        static UnsavedStateException ofSnapshot(long step, @Nullable Path saved, Duration waited, IOException cause) {
            return new UnsavedStateException(
                    "the snapshot of step " + step + tried(waited, cause) + "Lost: no step. Not lost: " + saved
                            + ", from which the same command writes the snapshot.",
                    0,
                    cause);
        }

        /** Returns how many steps the next start will have to repeat. */
        public long lostSteps() {
            return lostSteps;
        }

        private static String tried(Duration waited, IOException cause) {
            String seconds = waited.toSeconds() == 0 ? "" : ", tried for " + waited.toSeconds() + " s";
            return " could not be saved" + seconds + ": " + cause.getMessage() + ". ";
        }
    }

    /** The states of all ranks, which have to be one and the same. */
    static final class RankedState {
        private final TrainState state;
        private final Agreement agreement;

        RankedState(TrainState state, Agreement agreement) {
            this.state = state;
            this.agreement = agreement;
        }

        /** Checks that all ranks are about to train the same weights in the same way. */
        void requireSamePlan(TrainConfig config, OptimConfig optim) {
            if (alone()) {
                return;
            }
            StringBuilder plan =
                    new StringBuilder().append(config).append(optim).append(state.trainedKeys());
            state.weights().forEach((key, weight) -> plan.append(key).append(weight.getShape()));
            CRC32C sum = new CRC32C();
            sum.update(plan.toString().getBytes(StandardCharsets.UTF_8));
            agreement.requireSame("the digest of model and settings", digest(sum));
        }

        /** Gives every rank the state of rank 0. */
        StartKind spread(StartKind kind) {
            if (alone()) {
                return kind;
            }
            Communicator ranks = agreement.ranks();
            ByteBuffer mine = ByteBuffer.allocate(5 * Long.BYTES);
            mine.putLong(kind.ordinal()).putLong(state.step()).putLong(state.skipped());
            mine.putLong(state.autoStop().stoppedAt()).putLong(state.autoStop().inRow());
            ByteBuffer root = ByteBuffer.wrap(ranks.allGather(mine.array())[0]);
            StartKind started = StartKind.values()[Math.toIntExact(root.getLong())];
            state.moveTo(root.getLong(), root.getLong());
            state.remember(new AutoStop.Memory(root.getLong(), Math.toIntExact(root.getLong())));
            for (Map<String, NDArray> arrays : StateArrays.of(state).files().values()) {
                arrays.values().forEach(array -> ranks.broadcast(array, 0));
            }
            return started;
        }

        /** Checks that all ranks still have the same bits; a processor that computes wrongly is found here. */
        void requireSameWeights() {
            if (alone()) {
                return;
            }
            CRC32C sum = new CRC32C();
            try {
                for (NDArray weight : state.weights().values()) {
                    TensorSource.of(weight).sendTo(sum::update); // leaves no copy of it on the host
                }
            } catch (IOException e) { // reading arrays reads no file
                throw new UncheckedIOException(e);
            }
            agreement.requireSame("the digest of the weights after step " + state.step(), digest(sum));
        }

        private boolean alone() {
            return agreement.ranks().size() == 1;
        }

        private static byte[] digest(CRC32C sum) {
            return ByteBuffer.allocate(Integer.BYTES)
                    .putInt((int) sum.getValue())
                    .array();
        }
    }
}
