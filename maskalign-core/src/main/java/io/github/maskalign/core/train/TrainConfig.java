package io.github.maskalign.core.train;

import io.github.maskalign.core.config.Default;

/**
 * Length and rhythm of a run.
 *
 * @param steps total number of optimiser steps, at least 1
 * @param globalBatch samples of one step, at least 1
 * @param accumulation micro-batches of one step; must divide globalBatch
 * @param saveEvery steps between two saves of the full state; 0 saves at the end and on a stop alone
 * @param keepLast how many saved states are kept, at least 1
 * @param snapshotEvery steps between two snapshots of the averaged weights; 0 writes one at the end alone
 * @param maxSkippedInRow how many steps in a row may be skipped for numbers that are not finite, at least 0
 * @param maxSkipped how many steps of a run may be skipped for numbers that are not finite, at least 0
 * @param keepEvery saved states of multiples of this many steps are kept for good; 0 keeps none
 * @param asyncSave whether states and snapshots are written by another thread while training goes on; takes as much
 *     host memory as the state
 * @param activationCheckpointing 0 keeps what the blocks compute for the backward pass; 1 computes it again in every
 *     block, 2 in every second one, and so on: less memory, more time, the same gradients
 * @param maxFailedSaves how many saves in a row may fail while training goes on, at least 0; with one more it waits, its
 *     state in memory, until it can be saved
 * @param saveWaitSeconds how long a run waits for a save to succeed, at its end or after too many failures, before it
 *     ends without; at most half a minute once it was asked to stop, and a quarter of an hour if other ranks wait
 */
public record TrainConfig(
        long steps,
        int globalBatch,
        int accumulation,
        long saveEvery,
        int keepLast,
        long snapshotEvery,
        int maxSkippedInRow,
        long maxSkipped,
        @Default("0") long keepEvery,
        @Default("false") boolean asyncSave,
        @Default("0") int activationCheckpointing,
        @Default("3") int maxFailedSaves,
        @Default("600") int saveWaitSeconds) {

    /** Goes on after up to 3 failed saves in a row, and waits up to 10 minutes for one that must succeed. */
    public TrainConfig(
            long steps,
            int globalBatch,
            int accumulation,
            long saveEvery,
            int keepLast,
            long snapshotEvery,
            int maxSkippedInRow,
            long maxSkipped,
            long keepEvery,
            boolean asyncSave,
            int activationCheckpointing) {
        this(
                steps,
                globalBatch,
                accumulation,
                saveEvery,
                keepLast,
                snapshotEvery,
                maxSkippedInRow,
                maxSkipped,
                keepEvery,
                asyncSave,
                activationCheckpointing,
                3,
                600);
    }

    /** Keeps no state for good, saves on the training thread and recomputes nothing. */
    public TrainConfig(
            long steps,
            int globalBatch,
            int accumulation,
            long saveEvery,
            int keepLast,
            long snapshotEvery,
            int maxSkippedInRow,
            long maxSkipped) {
        this(
                steps,
                globalBatch,
                accumulation,
                saveEvery,
                keepLast,
                snapshotEvery,
                maxSkippedInRow,
                maxSkipped,
                0,
                false,
                0);
    }

    public TrainConfig {
        atLeast(1, "steps", steps);
        atLeast(1, "globalBatch", globalBatch);
        if (accumulation < 1 || globalBatch % accumulation != 0) {
            throw new IllegalArgumentException(
                    "accumulation must divide globalBatch " + globalBatch + " but was " + accumulation);
        }
        atLeast(0, "saveEvery", saveEvery);
        atLeast(1, "keepLast", keepLast);
        atLeast(0, "snapshotEvery", snapshotEvery);
        atLeast(0, "maxSkippedInRow", maxSkippedInRow);
        atLeast(0, "maxSkipped", maxSkipped);
        atLeast(0, "keepEvery", keepEvery);
        atLeast(0, "activationCheckpointing", activationCheckpointing);
        atLeast(0, "maxFailedSaves", maxFailedSaves);
        atLeast(0, "saveWaitSeconds", saveWaitSeconds);
    }

    private static void atLeast(long least, String name, long value) {
        if (value < least) {
            throw new IllegalArgumentException(name + " must be at least " + least + " but was " + value);
        }
    }
}
