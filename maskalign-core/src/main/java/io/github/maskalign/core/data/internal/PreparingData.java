package io.github.maskalign.core.data.internal;

import io.github.maskalign.core.data.TrainingData;
import io.github.maskalign.core.data.internal.SampleBuffer.BufferedData;
import io.github.maskalign.core.engine.internal.Ahead;
import java.util.Optional;

/** Training data with a thread beside them, on which an objective may prepare what its batches need. */
public interface PreparingData extends TrainingData {
    /** Returns the samples themselves, to be read on that thread alone; empty if they can only be asked for as arrays. */
    Optional<BufferedData> source();

    /** Returns what prepares values on that thread; they are discarded when it is closed. */
    <K, V> Ahead<K, V> preparing(Ahead.Source<K, V> how);
}
