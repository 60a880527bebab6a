package io.github.maskalign.core.engine.internal;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * Values that a {@link Worker} makes before they are asked for.
 *
 * <p>After each request the values that are expected to follow are made, in order. Another request is answered too, only
 * without a head start, and what was made in vain is discarded. A failure is thrown where its own value is asked for; the next
 * request tries again.
 *
 * @param <K> names a value
 * @param <V> a value
 */
public final class Ahead<K, V> {
    private final Worker worker;
    private final int ahead;
    private final Source<K, V> source;
    private final Deque<Entry<K, V>> pending = new ArrayDeque<>();

    private record Entry<K, V>(K key, CompletableFuture<V> value) {}

    /**
     * How values are made.
     *
     * @param following what is asked for after a key; empty at the end
     * @param make makes a value, on the worker's thread
     * @param discard frees a value that nobody asked for; called on any thread
     */
    public record Source<K, V>(Function<K, Optional<K>> following, Function<K, V> make, Consumer<V> discard) {}

    /**
     * Creates it without a value.
     *
     * @param worker makes the values; stays open
     * @param ahead how many are held ready, at least 1
     */
    public Ahead(Worker worker, int ahead, Source<K, V> source) {
        this.worker = worker;
        this.ahead = ahead;
        this.source = source;
    }

    /**
     * Returns a value, which is the caller's from now on. An interrupt does not end the wait: the step that needs the value
     * ends first, and its caller sees the flag.
     *
     * @throws IllegalStateException after the worker was closed
     */
    public synchronized V get(K key) {
        if (worker.isClosed()) {
            throw new IllegalStateException(key + " was asked for after the thread that prepares it was closed");
        }
        Entry<K, V> wanted = pending.peekFirst();
        if (wanted == null || !wanted.key().equals(key)) {
            forget();
            request(key);
        }
        while (pending.size() <= ahead) {
            Optional<K> next = source.following().apply(pending.getLast().key());
            if (next.isEmpty()) {
                break;
            }
            request(next.get());
        }
        return await(pending.removeFirst());
    }

    private void request(K key) {
        CompletableFuture<V> value = new CompletableFuture<>();
        pending.addLast(new Entry<>(key, value));
        worker.run(() -> {
            if (value.isDone()) {
                return;
            }
            try {
                V made = source.make().apply(key);
                if (!value.complete(made)) {
                    source.discard().accept(made); // forgotten meanwhile
                }
            } catch (RuntimeException | Error e) {
                value.completeExceptionally(e);
            }
        });
    }

    private V await(Entry<K, V> entry) {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return entry.value().get();
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
            throw new IllegalStateException(entry.key() + " could not be prepared", e.getCause());
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Discards what was made ahead. What is being made is finished: an interrupt would close the file it reads. */
    public synchronized void forget() {
        for (Entry<K, V> entry : pending) {
            CompletableFuture<V> value = entry.value();
            if (!value.cancel(false) && !value.isCompletedExceptionally()) {
                source.discard().accept(value.join());
            }
        }
        pending.clear();
    }
}
