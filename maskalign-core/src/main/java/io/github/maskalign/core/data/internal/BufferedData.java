package io.github.maskalign.core.data.internal;

import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.data.ReadAheadData;
import io.github.maskalign.core.data.TrainingData;
import io.github.maskalign.core.data.TrainingData.TrainingBatch;

/**
 * Training samples that can be read without the engine, so that {@link ReadAheadData} may do it on another thread.
 */
public interface BufferedData extends TrainingData {
    /**
     * Reads the samples at positions {@code [first, first + count)}; the same positions always give the same samples.
     *
     * <p>Called from one thread at a time, which need not be the one that trains.
     */
    SampleBuffer read(long first, int count);

    /**
     * Returns how many numbers a batch has.
     *
     * @param each numbers of one sample
     * @throws IllegalArgumentException if they are more than an array can have
     */
    static int values(int count, int each) {
        long all = (long) count * each;
        if (all > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("a batch must have at most " + Integer.MAX_VALUE + " numbers but "
                    + count + " samples of " + each + " are more; choose a smaller batch or more accumulation");
        }
        return (int) all;
    }

    @Override
    default TrainingBatch batch(NDManager manager, long first, int count) {
        return read(first, count).toBatch(manager);
    }
}
