package io.github.maskalign.core.data.internal;

import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.data.TrainingData;
import io.github.maskalign.core.data.internal.SampleBuffer.BufferedData;
import io.github.maskalign.core.engine.internal.Ahead;
import io.github.maskalign.core.engine.internal.Worker;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * Any training data, with a thread on which the random numbers of their batches are drawn ahead. The samples are asked for on
 * the thread that trains, as their owner expects.
 */
public final class DrawAheadData implements PreparingData, AutoCloseable {
    private final TrainingData data;
    private final int ahead;
    private final Worker worker = new Worker("maskalign-draws", ScriptFunction::releaseThread);
    private final List<Ahead<?, ?>> all = new CopyOnWriteArrayList<>();

    /**
     * Adds the thread.
     *
     * @param data the samples; left open
     * @param ahead for how many batches numbers are held ready, at least 1
     */
    public DrawAheadData(TrainingData data, int ahead) {
        this.data = data;
        this.ahead = ahead;
    }

    @Override
    public long size() {
        return data.size();
    }

    @Override
    public int tokenWidth() {
        return data.tokenWidth();
    }

    @Override
    public int classes() {
        return data.classes();
    }

    @Override
    public TrainingBatch batch(NDManager manager, long first, int count) {
        return data.batch(manager, first, count);
    }

    @Override
    public Optional<BufferedData> source() {
        return Optional.empty();
    }

    @Override
    public <K, V> Ahead<K, V> preparing(Ahead.Source<K, V> how) {
        Ahead<K, V> prepared = new Ahead<>(worker, ahead, how);
        all.add(prepared);
        return prepared;
    }

    /** Ends the thread. Later calls have no effect. */
    @Override
    public void close() {
        all.forEach(Ahead::forget);
        worker.close();
    }
}
