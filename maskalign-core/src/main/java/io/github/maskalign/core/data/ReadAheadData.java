package io.github.maskalign.core.data;

import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.data.TrainingData.TrainingBatch;
import io.github.maskalign.core.data.internal.PreparingData;
import io.github.maskalign.core.data.internal.SampleBuffer;
import io.github.maskalign.core.data.internal.SampleBuffer.BufferedData;
import io.github.maskalign.core.data.internal.SampleBuffer.SampleRange;
import io.github.maskalign.core.engine.internal.Ahead;
import io.github.maskalign.core.engine.internal.Worker;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.UnaryOperator;

/**
 * Reads the next batches on a second thread while the current one is computed.
 *
 * <p>After samples {@code [first, first + count)} the batches that follow are taken to have the same size and no gap
 * between them, unless the constructor is told what follows; any other request is answered too, only without a head start. The samples are those of the source
 * to the bit. A failed read is thrown where its batch is asked for. Training prepares all random numbers of a batch on the
 * same thread.
 */
public final class ReadAheadData implements PreparingData, AutoCloseable {
    private static final int MOST_AHEAD = 64;

    private final BufferedData source;
    private final int ahead;
    private final Worker reader = new Worker("maskalign-read-ahead", ScriptFunction::releaseThread);
    private final Ahead<SampleRange, SampleBuffer> samples;
    private final List<Ahead<?, ?>> all = new CopyOnWriteArrayList<>();

    /**
     * Creates the reader and its thread.
     *
     * @param source the samples; used by the second thread alone until this is closed
     * @param ahead how many batches are held ready, in [1, 64]
     */
    public ReadAheadData(BufferedData source, int ahead) {
        this(source, ahead, SampleRange::next);
    }

    /**
     * Creates the reader and its thread.
     *
     * @param source the samples; used by the second thread alone until this is closed
     * @param ahead how many batches are held ready, in [1, 64]
     * @param following what is asked for after some samples; with several ranks there are gaps
     */
    public ReadAheadData(BufferedData source, int ahead, UnaryOperator<SampleRange> following) {
        if (ahead < 1 || ahead > MOST_AHEAD) {
            throw new IllegalArgumentException("ahead must be in [1, " + MOST_AHEAD + "] but was " + ahead);
        }
        this.source = source;
        this.ahead = ahead;
        samples = preparing(new Ahead.Source<>(
                range -> Optional.of(following.apply(range)),
                range -> source.read(range.first(), range.count()),
                read -> {}));
    }

    @Override
    public long size() {
        return source.size();
    }

    @Override
    public int tokenWidth() {
        return source.tokenWidth();
    }

    @Override
    public Optional<FeatureBasis> featureBasis() {
        return source.featureBasis();
    }

    @Override
    public int classes() {
        return source.classes();
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalStateException after {@link #close()}
     */
    @Override
    public TrainingBatch batch(NDManager manager, long first, int count) {
        return samples.get(new SampleRange(first, count)).toBatch(manager);
    }

    @Override
    public Optional<BufferedData> source() {
        return Optional.of(source);
    }

    @Override
    public <K, V> Ahead<K, V> preparing(Ahead.Source<K, V> how) {
        Ahead<K, V> prepared = new Ahead<>(reader, ahead, how);
        all.add(prepared);
        return prepared;
    }

    /** Waits for the read that the thread is in, and ends it; the source is left open. Later calls have no effect. */
    @Override
    public void close() {
        all.forEach(Ahead::forget);
        reader.close();
    }
}
