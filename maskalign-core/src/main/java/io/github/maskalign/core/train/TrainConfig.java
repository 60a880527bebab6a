package io.github.maskalign.core.train;

import io.github.maskalign.core.config.Default;
import io.github.maskalign.core.config.Inline;
import java.util.Objects;

/**
 * Length and rhythm of a run.
 *
 * @param steps total number of optimiser steps, at least 1
 * @param globalBatch samples of one step, at least 1
 * @param accumulation micro-batches of one step; must divide globalBatch
 * @param saving when states and snapshots are written
 * @param skipping how many steps may be skipped
 * @param keepEvery saved states of multiples of this many steps are kept for good; 0 keeps none
 * @param asyncSave whether states and snapshots are written by another thread while training goes on; takes as much
 *     host memory as the state
 * @param activationCheckpointing 0 keeps what the blocks compute for the backward pass; 1 computes it again in every
 *     block, 2 in every second one, and so on: less memory, more time, the same gradients
 * @param failedSaves what happens where a state cannot be saved
 */
public record TrainConfig(
        long steps,
        int globalBatch,
        int accumulation,
        @Inline Saving saving,
        @Inline Skipping skipping,
        @Default("0") long keepEvery,
        @Default("false") boolean asyncSave,
        @Default("0") int activationCheckpointing,
        @Inline FailedSaves failedSaves) {

    /**
     * The rhythm of what is written.
     *
     * @param saveEvery steps between two saves of the full state; 0 saves at the end and on a stop alone
     * @param keepLast how many saved states are kept, at least 1
     * @param snapshotEvery steps between two snapshots of the averaged weights; 0 writes one at the end alone
     */
    public record Saving(long saveEvery, int keepLast, long snapshotEvery) {
        public Saving {
            atLeast(0, "saveEvery", saveEvery);
            atLeast(1, "keepLast", keepLast);
            atLeast(0, "snapshotEvery", snapshotEvery);
        }
    }

    /**
     * How many steps may be skipped for numbers that are not finite before the run ends.
     *
     * @param maxSkippedInRow in a row, at least 0
     * @param maxSkipped in the whole run, at least 0
     */
    public record Skipping(int maxSkippedInRow, long maxSkipped) {
        public Skipping {
            atLeast(0, "maxSkippedInRow", maxSkippedInRow);
            atLeast(0, "maxSkipped", maxSkipped);
        }
    }

    /**
     * How long a run goes on without its state being saved.
     *
     * @param maxFailedSaves how many saves in a row may fail while training goes on, at least 0; with one more it waits,
     *     its state in memory, until it can be saved
     * @param saveWaitSeconds how long a run waits for a save to succeed, at its end or after too many failures, before
     *     it ends without; at most half a minute once it was asked to stop, and a quarter of an hour if other ranks wait
     */
    public record FailedSaves(
            @Default("3") int maxFailedSaves,
            @Default("600") int saveWaitSeconds) {
        public FailedSaves {
            atLeast(0, "maxFailedSaves", maxFailedSaves);
            atLeast(0, "saveWaitSeconds", saveWaitSeconds);
        }
    }

    /**
     * Keeps no state for good, saves on the training thread, recomputes nothing, goes on after up to 3 failed saves in a
     * row, and waits up to 10 minutes for one that must succeed.
     */
    public TrainConfig(long steps, int globalBatch, int accumulation, Saving saving, Skipping skipping) {
        this(steps, globalBatch, accumulation, saving, skipping, 0, false, 0, new FailedSaves(3, 600));
    }

    public TrainConfig {
        atLeast(1, "steps", steps);
        atLeast(1, "globalBatch", globalBatch);
        if (accumulation < 1 || globalBatch % accumulation != 0) {
            throw new IllegalArgumentException(
                    "accumulation must divide globalBatch " + globalBatch + " but was " + accumulation);
        }
        Objects.requireNonNull(saving, "saving must be given");
        Objects.requireNonNull(skipping, "skipping must be given");
        atLeast(0, "keepEvery", keepEvery);
        atLeast(0, "activationCheckpointing", activationCheckpointing);
        Objects.requireNonNull(failedSaves, "failedSaves must be given");
    }

    /** Returns this with other states kept for good; 0 keeps none. */
    public TrainConfig withKeepEvery(long value) {
        return with(value, asyncSave, activationCheckpointing, failedSaves);
    }

    /** Returns this, saving on another thread or on the training thread. */
    public TrainConfig withAsyncSave(boolean value) {
        return with(keepEvery, value, activationCheckpointing, failedSaves);
    }

    /** Returns this, recomputing in every {@code value}-th block; 0 recomputes nothing. */
    public TrainConfig withActivationCheckpointing(int value) {
        return with(keepEvery, asyncSave, value, failedSaves);
    }

    /** Returns this with another way to take failed saves. */
    public TrainConfig withFailedSaves(FailedSaves value) {
        return with(keepEvery, asyncSave, activationCheckpointing, value);
    }

    private TrainConfig with(long keep, boolean async, int checkpointing, FailedSaves failed) {
        return new TrainConfig(steps, globalBatch, accumulation, saving, skipping, keep, async, checkpointing, failed);
    }

    private static void atLeast(long least, String name, long value) {
        if (value < least) {
            throw new IllegalArgumentException(name + " must be at least " + least + " but was " + value);
        }
    }
}
