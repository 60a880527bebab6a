package io.github.maskalign.core.train;

import io.github.maskalign.core.train.RunCheckpoints.StateArrays;
import io.github.maskalign.core.train.TrainLoop.UnsavedStateException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Saves the state of a run when it is due, and does not let go of it while it cannot be saved: a save that fails is
 * tried again at the next interval; after too many in a row, and at the end of the run, it is tried until it works or
 * {@link TrainConfig.FailedSaves#saveWaitSeconds} are over.
 */
final class RunSaver implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(RunSaver.class);

    private final TrainConfig config;
    private final TrainState state;
    private final RunCheckpoints files;
    private final List<TrainListener> listeners;
    private final SaveRetry retry;
    private final Duration patience;
    private final BooleanSupplier stop;
    private final @Nullable BackgroundSaver background;
    private long savedStep;
    private int failedInRow;

    /**
     * Prepares saving.
     *
     * @param savedStep step of the state that is saved already, or -1
     * @param retry how to wait for a save that must succeed
     * @param patience and for how long
     * @param stop whether the run was asked to end
     */
    RunSaver(
            TrainConfig config,
            TrainState state,
            RunCheckpoints files,
            List<TrainListener> listeners,
            long savedStep,
            SaveRetry retry,
            Duration patience,
            BooleanSupplier stop) {
        this.config = config;
        this.state = state;
        this.files = files;
        this.listeners = listeners;
        this.savedStep = savedStep;
        this.retry = retry;
        this.patience = patience;
        this.stop = stop;
        background = config.asyncSave() ? new BackgroundSaver(state, files) : null;
    }

    /**
     * Saves what is due after a step. Another thread writes it if the config says so: training then waits for the copy,
     * and for the save before if it is still going on.
     *
     * @throws UnsavedStateException if too many saves have failed, and so have all attempts since
     */
    void atInterval() throws IOException {
        boolean snapshot = due(config.saving().snapshotEvery());
        boolean full = due(config.saving().saveEvery());
        boolean save = snapshot || full;
        if (background != null) {
            report(save ? background.take() : background.takeIfDone());
        }
        if (save && failedInRow <= config.failedSaves().maxFailedSaves()) {
            each(listener -> listener.onSaving(state.step()));
            if (background != null) {
                background.begin(snapshot, full);
                return;
            }
            try {
                new Missing(snapshot, full).save();
                failedInRow = 0;
            } catch (IOException e) {
                failed(state.step(), e);
            }
        }
        if (failedInRow > config.failedSaves().maxFailedSaves()) {
            LOG.error(
                    "{} saves in a row have failed and train.maxFailedSaves is {}: training waits at step {}, its state in"
                            + " memory, until it can be saved",
                    failedInRow,
                    config.failedSaves().maxFailedSaves(),
                    state.step());
            requireSaved(new Missing(snapshot, true));
            LOG.info("step {} is saved, training goes on", state.step());
        }
    }

    /**
     * Saves the last state, and its snapshot: if the run is complete it must be there, otherwise it is for whoever wants to
     * use the weights of a stopped run, and its state has the average too.
     *
     * @throws UnsavedStateException if that does not work in the time that there is
     */
    void atEnd(boolean complete) throws IOException {
        if (background != null) {
            report(background.take());
        }
        boolean saved = savedStep == state.step();
        boolean snapshot = complete && !(saved && files.hasSnapshots(StateArrays.of(state)));
        if (snapshot || !saved) {
            requireSaved(new Missing(snapshot, !saved));
        }
        if (!complete && state.step() > 0 && !files.hasSnapshots(StateArrays.of(state))) {
            try {
                new Missing(true, false).save();
            } catch (IOException e) {
                LOG.warn("the run stopped without a snapshot, its state has the averaged weights: {}", e.getMessage());
            }
        }
    }

    private void requireSaved(Missing missing) throws UnsavedStateException {
        each(listener -> listener.onSaving(state.step()));
        SaveRetry.Failure failure = retry.run(missing::save, patience, stop, (cause, next, left) -> {
            LOG.warn(
                    "step {} is in memory alone, {}; trying again in {} s, for at most {} s",
                    state.step(),
                    cause.getMessage(),
                    next.toSeconds(),
                    left.toSeconds());
            each(listener -> listener.onSaveFailed(state.step(), cause));
        });
        if (failure == null) {
            failedInRow = 0;
            return;
        }
        each(listener -> listener.onSaveFailed(state.step(), failure.cause()));
        UnsavedStateException loss = loss(failure);
        if (stop.getAsBoolean()) {
            LOG.error("{}", loss.getMessage()); // the process may end before anybody else says it
        }
        throw loss;
    }

    private UnsavedStateException loss(SaveRetry.Failure failure) {
        long step = state.step();
        Path newest = files.newest();
        if (savedStep == step) {
            return UnsavedStateException.ofSnapshot(step, newest, failure.waited(), failure.cause());
        }
        Path snapshot = files.hasSnapshots(StateArrays.of(state)) ? files.snapshotFile(step) : null;
        return UnsavedStateException.ofState(step, savedStep, newest, snapshot, failure.waited(), failure.cause());
    }

    private void report(BackgroundSaver.@Nullable Saved saved) {
        if (saved == null) {
            return;
        }
        saved.files().forEach(file -> each(listener -> listener.onSaved(file, saved.step())));
        if (saved.full()) {
            savedStep = saved.step();
        }
        IOException failure = saved.failure();
        if (failure != null) {
            failed(saved.step(), failure);
        } else {
            failedInRow = 0;
        }
    }

    private void failed(long step, IOException failure) {
        failedInRow++;
        LOG.error(
                "failed saves in a row: {}, of which training bears {}: {}",
                failedInRow,
                config.failedSaves().maxFailedSaves(),
                failure.getMessage());
        each(listener -> listener.onSaveFailed(step, failure));
    }

    private boolean due(long interval) {
        return interval > 0 && state.step() % interval == 0;
    }

    private void each(Consumer<TrainListener> call) {
        listeners.forEach(call);
    }

    /** Waits for what is being written. */
    @Override
    public void close() {
        if (background != null) {
            try (background) {
                report(background.take());
            }
        }
    }

    /** What of the current step is still to be written. */
    private final class Missing {
        private boolean snapshot;
        private boolean full;

        Missing(boolean snapshot, boolean full) {
            this.snapshot = snapshot;
            this.full = full;
        }

        /** Writes it. A snapshot that cannot be written does not keep the state from it. */
        void save() throws IOException {
            IOException failure = null;
            if (snapshot) {
                try {
                    for (Path file : files.snapshots(StateArrays.of(state))) {
                        each(listener -> listener.onSaved(file, state.step()));
                    }
                    snapshot = false;
                } catch (IOException e) {
                    failure = e;
                }
            }
            if (full) {
                Path folder = files.save(StateArrays.of(state));
                full = false;
                savedStep = state.step();
                each(listener -> listener.onSaved(folder, state.step()));
            }
            if (failure != null) {
                throw failure;
            }
        }
    }

    /**
     * Tries to save until it works, after 1 s, 2 s, 4 s and so on up to a minute, for as long as there is patience. Once
     * somebody waits for the run to end there is half a minute left, as whoever stops a process kills it soon after.
     */
    static final class SaveRetry {
        private static final Duration FIRST_PAUSE = Duration.ofSeconds(1);
        private static final Duration LONGEST_PAUSE = Duration.ofMinutes(1);
        private static final Duration SLICE = Duration.ofMillis(500);

        /** Patience of whoever has asked a run to stop; less than that of the command's stop signal. */
        static final Duration AFTER_STOP = Duration.ofSeconds(30);

        private final LongSupplier nanoTime;
        private final Pause pause;

        /** Lets time pass. */
        interface Pause {
            void of(Duration time) throws InterruptedException;
        }

        /**
         * The end of patience.
         *
         * @param waited time since the first failure
         * @param cause why the last attempt failed
         */
        record Failure(Duration waited, IOException cause) {}

        /** Saves, or throws. */
        interface Attempt {
            void run() throws IOException;
        }

        /** Hears of attempts that failed and will be repeated. */
        interface Observer {
            void failed(IOException failure, Duration next, Duration left);
        }

        SaveRetry() {
            this(System::nanoTime, time -> Thread.sleep(time.toMillis()));
        }

        SaveRetry(LongSupplier nanoTime, Pause pause) {
            this.nanoTime = nanoTime;
            this.pause = pause;
        }

        /**
         * Tries until it works or patience ends.
         *
         * @param patience longest time between the first failure and the last attempt; zero tries once
         * @param stop whether somebody waits for the run to end; clears the thread's interruption, which would make every
         *     attempt fail, and takes note of it
         * @return null if it worked, or why the last attempt did not
         */
        @Nullable
        Failure run(Attempt attempt, Duration patience, BooleanSupplier stop, Observer observer) {
            long begin = 0;
            long end = 0;
            Duration next = FIRST_PAUSE;
            boolean stopping = false;
            for (boolean first = true; ; first = false) {
                IOException failure = failureOf(attempt);
                if (failure != null && Thread.currentThread().isInterrupted() && stop.getAsBoolean()) {
                    failure = failureOf(attempt); // the interruption made it fail, and is cleared now
                }
                if (failure == null) {
                    return null;
                }
                if (first) {
                    begin = nanoTime.getAsLong();
                    end = begin + patience.toNanos();
                }
                if (stop.getAsBoolean() && !stopping) {
                    stopping = true;
                    next = FIRST_PAUSE;
                    end = Math.min(end, nanoTime.getAsLong() + AFTER_STOP.toNanos());
                }
                Duration left = Duration.ofNanos(end - nanoTime.getAsLong());
                if (left.isNegative() || left.isZero()) {
                    return new Failure(Duration.ofNanos(nanoTime.getAsLong() - begin), failure);
                }
                next = shorter(next, left);
                observer.failed(failure, next, left);
                await(next, stopping, stop);
                next = shorter(next.multipliedBy(2), LONGEST_PAUSE);
            }
        }

        private static @Nullable IOException failureOf(Attempt attempt) {
            try {
                attempt.run();
                return null;
            } catch (IOException e) {
                return e;
            }
        }

        /** Waits, but no longer once somebody wants the run to end. */
        private void await(Duration time, boolean stopping, BooleanSupplier stop) {
            long end = nanoTime.getAsLong() + time.toNanos();
            boolean ending = stopping;
            while (ending || !stop.getAsBoolean()) {
                Duration left = Duration.ofNanos(end - nanoTime.getAsLong());
                if (left.isNegative() || left.isZero()) {
                    return;
                }
                try {
                    pause.of(shorter(left, SLICE));
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    ending &= stop.getAsBoolean(); // takes note of a wish to end, and clears it
                }
            }
        }

        private static Duration shorter(Duration one, Duration other) {
            return one.compareTo(other) < 0 ? one : other;
        }
    }
}
