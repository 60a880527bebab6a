package io.github.maskalign.core.train;

import io.github.maskalign.core.data.internal.SampleBuffer.SampleRange;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.distributed.internal.Share;

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
            throw new IllegalArgumentException("globalBatch must have a sample for each of " + ranks + " ranks times "
                    + accumulation + " micro-batches but was " + globalBatch);
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
