package io.github.maskalign.core.data;

import ai.djl.ndarray.NDManager;

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

    @Override
    default TrainingBatch batch(NDManager manager, long first, int count) {
        return read(first, count).toBatch(manager);
    }
}
