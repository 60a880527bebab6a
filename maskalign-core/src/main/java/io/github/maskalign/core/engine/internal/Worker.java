package io.github.maskalign.core.engine.internal;

import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/** One thread that does what it is given, in order, beside the thread that trains or samples. */
public final class Worker implements AutoCloseable {
    private final ExecutorService thread;
    private final Runnable atEnd;

    /**
     * Starts the thread with its first work; it keeps no JVM alive.
     *
     * @param name name of the thread
     * @param atEnd what the thread does last, such as freeing what the engine keeps for it
     */
    public Worker(String name, Runnable atEnd) {
        this.atEnd = atEnd;
        thread = Executors.newSingleThreadExecutor(task -> {
            Thread made = new Thread(task, name);
            made.setDaemon(true);
            return made;
        });
    }

    /** Whether {@link #close} was called. */
    boolean isClosed() {
        return thread.isShutdown();
    }

    /** Does some work after all that was given before; it must not throw. */
    void run(Runnable work) {
        thread.execute(work);
    }

    /** Waits for what the thread was given, and ends it. Later calls have no effect. */
    @Override
    public void close() {
        if (thread.isShutdown()) {
            return;
        }
        thread.execute(atEnd);
        thread.shutdown();
        boolean interrupted = false;
        while (!thread.isTerminated()) {
            try {
                thread.awaitTermination(1, TimeUnit.DAYS);
            } catch (InterruptedException e) {
                interrupted = true; // what the thread reads from must not be closed under it
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
