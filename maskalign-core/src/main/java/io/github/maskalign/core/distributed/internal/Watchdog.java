package io.github.maskalign.core.distributed.internal;

import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Says when a call has waited for the other ranks too long: the call itself cannot be interrupted.
 *
 * <p>While a call waits, the watcher also asks the library whether something has gone wrong, if it was told how.
 *
 * <p>One thread watches; calls come from one thread at a time.
 */
public final class Watchdog implements AutoCloseable {
    private final Duration patience;
    private final Consumer<String> onOverdue;
    private final Thread thread;
    private @Nullable Watched watched;
    private Supplier<Optional<String>> trouble = Optional::empty;
    private boolean closed;

    private record Watched(String what, long deadline) {}

    /**
     * Starts to watch.
     *
     * @param patience how long one call may take, above 0
     * @param onOverdue told what was waited for and why in vain, once a call; on the watching thread
     */
    public Watchdog(Duration patience, Consumer<String> onOverdue) {
        if (patience.isZero() || patience.isNegative()) {
            throw new IllegalArgumentException("patience with other ranks must be above 0 but was " + patience);
        }
        this.patience = patience;
        this.onOverdue = onOverdue;
        thread = new Thread(this::watch, "maskalign-watchdog");
        thread.setDaemon(true);
        thread.start();
    }

    /** Makes a call under watch. */
    public <T> T watch(String what, Supplier<T> call) {
        begin(new Watched(what, System.nanoTime() + patience.toNanos()));
        try {
            return call.get();
        } finally {
            begin(null);
        }
    }

    /**
     * Tells how to ask for trouble.
     *
     * @param question returns what has gone wrong, or nothing; called on the watching thread while a call waits
     */
    public synchronized void ask(Supplier<Optional<String>> question) {
        trouble = question;
    }

    private synchronized void begin(@Nullable Watched call) {
        watched = call; // not worth waking the watcher for: it looks often enough
    }

    private void watch() {
        try {
            for (String overdue = next(); overdue != null; overdue = next()) {
                onOverdue.accept(overdue);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Returns what has waited too long, once it has; null after {@link #close}. */
    private synchronized @Nullable String next() throws InterruptedException {
        long pause = Math.max(1, Math.min(1000, patience.toMillis() / 4));
        while (!closed) {
            Watched now = watched;
            if (now != null && now.deadline() - System.nanoTime() <= 0) {
                watched = null; // said once
                return now.what() + " has not come to an end for " + patience.toSeconds() + " s";
            }
            if (now != null) {
                Optional<String> found = asked();
                if (found.isPresent()) {
                    watched = null;
                    return now.what() + " waits in vain: " + found.get();
                }
            }
            wait(pause);
        }
        return null;
    }

    private Optional<String> asked() {
        try {
            return trouble.get();
        } catch (RuntimeException e) { // a library that cannot even be asked
            return Optional.of(e.toString());
        }
    }

    @Override
    public synchronized void close() {
        closed = true;
        notifyAll();
    }
}
