package io.github.maskalign.core.data;

import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.data.internal.EpochOrder;

/** Samples a run trains on, addressed by position in the run's stream (see {@link EpochOrder}). */
public interface TrainingData {
    /** Returns the number of different samples. */
    long size();

    /** Returns the width Z of the encoder tokens that come with the samples; 0 if none do. */
    default int tokenWidth() {
        return 0;
    }

    /** Returns a number that all labels are below; 0 if it is not known. */
    default int classes() {
        return 0;
    }

    /**
     * Returns the samples at positions {@code [first, first + count)}.
     *
     * @param manager owner of the arrays; they own their memory
     */
    TrainingBatch batch(NDManager manager, long first, int count);
}
