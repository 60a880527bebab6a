package io.github.maskalign.core.data.internal;

import io.github.maskalign.core.data.TrainingData;
import io.github.maskalign.core.data.internal.SampleBuffer.BufferedData;
import io.github.maskalign.core.engine.internal.Ahead;

/** Training data with a thread that reads them, on which an objective may prepare all that its batches need. */
public interface PreparingData extends TrainingData {
    /** Returns the samples themselves, to be read on that thread alone. */
    BufferedData source();

    /**
     * Returns what prepares values on the thread that reads, as many ahead as batches are read; they are discarded when the data
     * are closed.
     */
    <K, V> Ahead<K, V> preparing(Ahead.Source<K, V> how);
}
