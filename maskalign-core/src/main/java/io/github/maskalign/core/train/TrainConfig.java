package io.github.maskalign.core.train;

import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Inline;
import io.github.maskalign.core.data.internal.SampleBuffer.SampleRange;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.distributed.internal.Share;
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
        @Default("1") int accumulation,
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
    public record Saving(
            @Default("1000") long saveEvery,
            @Default("2") int keepLast,
            @Default("0") long snapshotEvery) {
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
    public record Skipping(
            @Default("10") int maxSkippedInRow,
            @Default("100") long maxSkipped) {
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

    /**
     * Which samples of each step's global batch a rank computes, and in which micro-batches.
     *
     * <p>Step s has the positions [s · B, (s + 1) · B). The ranks divide them among each other in order, and each rank
     * divides its own into A micro-batches; sizes differ by at most one. What a sample is and which numbers are drawn for
     * it depends on its position alone, so every division computes the same sum.
     *
     * @param globalBatch samples B of one step over all ranks
     * @param accumulation micro-batches A of one step on each rank
     * @param rank which rank, in [0, ranks)
     * @param ranks number of ranks
     */
    public record BatchPlan(int globalBatch, int accumulation, int rank, int ranks) {
        public BatchPlan {
            if (globalBatch < 1) {
                throw new IllegalArgumentException("globalBatch must be at least 1 but was " + globalBatch);
            }
            if (accumulation < 1 || globalBatch % accumulation != 0) {
                throw new IllegalArgumentException(
                        "accumulation must divide globalBatch " + globalBatch + " but was " + accumulation);
            }
            if (rank < 0 || rank >= ranks) {
                throw new IllegalArgumentException("rank must be in [0, " + ranks + ") but was " + rank);
            }
            if ((long) accumulation * ranks > globalBatch) {
                throw new IllegalArgumentException("globalBatch must have a sample for each of " + ranks
                        + " ranks times " + accumulation + " micro-batches but was " + globalBatch);
            }
        }

        /** Returns the plan of this process. */
        public static BatchPlan of(TrainConfig config, Communicator ranks) {
            return new BatchPlan(config.globalBatch(), config.accumulation(), ranks.rank(), ranks.size());
        }

        /** Returns the samples of one micro-batch of a step, counted from 0 both. */
        public SampleRange microBatch(long step, int index) {
            Share mine = Share.of(globalBatch, ranks, rank);
            Share micro = Share.of(mine.count(), accumulation, index);
            long first = Math.multiplyExact(step, (long) globalBatch) + mine.first() + micro.first();
            return new SampleRange(first, micro.count());
        }

        /** Returns what this rank computes after a micro-batch. */
        public SampleRange after(SampleRange range) {
            long step = range.first() / globalBatch;
            for (int index = 0; index < accumulation; index++) {
                SampleRange next = microBatch(step, index);
                if (next.first() > range.first()) {
                    return next;
                }
            }
            return microBatch(step + 1, 0);
        }
    }
}
