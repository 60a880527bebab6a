package io.github.maskalign.core.train;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.script.internal.InPlace;
import io.github.maskalign.core.train.RunCheckpoints.StateArrays;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/**
 * Saves a state while training goes on: the training thread copies it into host memory, which takes a small part of the
 * time, and another thread writes the copy. The copy's memory is as large as the state and taken at the start: a machine
 * that lacks it says so at once, and no save waits for it.
 */
final class BackgroundSaver implements AutoCloseable {
    private final TrainState state;
    private final RunCheckpoints checkpoints;
    private final NDManager memory = NDManager.newBaseManager(Device.cpu());
    private final Map<String, Map<String, NDArray>> copies = new LinkedHashMap<>();
    private final ExecutorService writer;
    private @Nullable Future<Saved> pending;

    /**
     * What became of a save.
     *
     * @param step the step that was saved
     * @param full whether the full state is among the files
     * @param files what was written
     * @param failure why not all of it could be written; null if it was
     */
    record Saved(
            long step,
            boolean full,
            List<Path> files,
            @Nullable IOException failure) {}

    BackgroundSaver(TrainState state, RunCheckpoints checkpoints) {
        this.state = state;
        this.checkpoints = checkpoints;
        StateArrays.of(state).files().forEach((file, arrays) -> copies.put(file, memoryLike(arrays)));
        writer = Executors.newSingleThreadExecutor(task -> {
            Thread thread = new Thread(task, "maskalign-save");
            thread.setDaemon(true);
            return thread;
        });
    }

    /** Copies the state as it is now and begins to write it; the save before must have been taken. */
    void begin(boolean snapshot, boolean full) {
        if (pending != null) {
            throw new IllegalStateException("the save before was not taken");
        }
        StateArrays copy = copy(StateArrays.of(state));
        pending = writer.submit(() -> write(copy, snapshot, full));
    }

    /** Returns the save that was begun if it is over; null if none was begun or it is going on. */
    @Nullable
    Saved takeIfDone() {
        return pending != null && pending.isDone() ? take() : null;
    }

    /** Waits for the save that was begun and returns it; null if none was. */
    @Nullable
    Saved take() {
        Future<Saved> save = pending;
        if (save == null) {
            return null;
        }
        pending = null;
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return save.get();
                } catch (InterruptedException e) {
                    interrupted = true; // the copy must not change while it is written
                }
            }
        } catch (ExecutionException e) {
            throw new IllegalStateException("saving failed for no reason of the disk's", e.getCause());
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private StateArrays copy(StateArrays now) {
        now.files().forEach((file, arrays) -> {
            NDList targets = new NDList(Objects.requireNonNull(copies.get(file)).values());
            InPlace.copy(new NDList(arrays.values()), targets);
        });
        return new StateArrays(now.step(), now.skipped(), now.extraDecays(), now.autoStop(), copies);
    }

    private Map<String, NDArray> memoryLike(Map<String, NDArray> arrays) {
        Map<String, NDArray> out = new LinkedHashMap<>();
        arrays.forEach((key, array) -> out.put(key, memory.zeros(array.getShape(), array.getDataType())));
        return out;
    }

    private Saved write(StateArrays copy, boolean snapshot, boolean full) {
        List<Path> files = new ArrayList<>();
        IOException failure = null;
        boolean state = false;
        if (snapshot) {
            try {
                files.addAll(checkpoints.snapshots(copy));
            } catch (IOException e) {
                failure = e; // the state may be saved nevertheless
            }
        }
        if (full) {
            try {
                files.add(checkpoints.save(copy));
                state = true;
            } catch (IOException e) {
                failure = e;
            }
        }
        return new Saved(copy.step(), state, files, failure);
    }

    /** Waits for what is being written and frees the copy. */
    @Override
    public void close() {
        try {
            take();
        } finally {
            writer.shutdown();
            memory.close();
        }
    }
}
