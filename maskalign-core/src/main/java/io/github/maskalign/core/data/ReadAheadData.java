package io.github.maskalign.core.data;

import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.data.TrainingData.TrainingBatch;
import io.github.maskalign.core.data.internal.SampleBuffer;
import io.github.maskalign.core.data.internal.SampleBuffer.BufferedData;
import io.github.maskalign.core.data.internal.SampleBuffer.SampleRange;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;

/**
 * Reads the next batches on a second thread while the current one is computed.
 *
 * <p>After samples {@code [first, first + count)} the batches that follow are taken to have the same size and no gap
 * between them, unless the constructor is told what follows; any other request is answered too, only without a head start. The samples are those of the source
 * to the bit. NDArrays are made on the calling thread. A failed read is thrown where its batch is asked for.
 */
public final class ReadAheadData implements TrainingData, AutoCloseable {
    private static final int MOST_AHEAD = 64;

    private final BufferedData source;
    private final int ahead;
    private final UnaryOperator<SampleRange> following;
    private final ExecutorService reader;
    private final Deque<Read> pending = new ArrayDeque<>();

    private record Read(long first, int count, Future<SampleBuffer> samples) {
        boolean covers(long from, int samples) {
            return first == from && count == samples;
        }
    }

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
        this.following = following;
        reader = Executors.newSingleThreadExecutor(task -> {
            Thread thread = new Thread(task, "maskalign-read-ahead");
            thread.setDaemon(true);
            return thread;
        });
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
    public synchronized TrainingBatch batch(NDManager manager, long first, int count) {
        if (reader.isShutdown()) {
            throw new IllegalStateException("samples were asked for after the reader was closed");
        }
        Read wanted = pending.peekFirst();
        if (wanted == null || !wanted.covers(first, count)) {
            forget();
            request(first, count);
        }
        while (pending.size() <= ahead) {
            Read last = pending.getLast();
            SampleRange next = following.apply(new SampleRange(last.first(), last.count()));
            request(next.first(), next.count());
        }
        return await(pending.removeFirst()).toBatch(manager);
    }

    private void request(long first, int count) {
        pending.addLast(new Read(first, count, reader.submit(() -> source.read(first, count))));
    }

    /** An interrupt does not end the wait: the step that needs the samples ends first, and its caller sees the flag. */
    private SampleBuffer await(Read read) {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return read.samples().get();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } catch (ExecutionException e) {
            forget();
            if (e.getCause() instanceof RuntimeException failure) {
                throw failure;
            }
            if (e.getCause() instanceof Error failure) {
                throw failure;
            }
            throw new IllegalStateException("reading samples failed", e.getCause());
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Drops what was read ahead. A running read goes on: an interrupt would close the file it reads. */
    private void forget() {
        pending.forEach(read -> read.samples().cancel(false));
        pending.clear();
    }

    /** Waits for the read that the thread is in, and ends it; the source is left open. Later calls have no effect. */
    @Override
    public synchronized void close() {
        forget();
        reader.shutdown();
        boolean interrupted = false;
        while (!reader.isTerminated()) {
            try {
                reader.awaitTermination(1, TimeUnit.DAYS);
            } catch (InterruptedException e) {
                interrupted = true; // the source must not be closed under a read
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
