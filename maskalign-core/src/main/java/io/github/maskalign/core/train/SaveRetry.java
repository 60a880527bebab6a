package io.github.maskalign.core.train;

import java.io.IOException;
import java.time.Duration;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Tries to save until it works, after 1 s, 2 s, 4 s and so on up to a minute, for as long as there is patience. Once
 * somebody waits for the run to end there is half a minute left, as whoever stops a process kills it soon after.
 */
final class SaveRetry {
    private static final Duration FIRST_PAUSE = Duration.ofSeconds(1);
    private static final Duration LONGEST_PAUSE = Duration.ofMinutes(1);
    private static final Duration SLICE = Duration.ofMillis(500);

    /** Patience of whoever has asked a run to stop; less than that of the command's stop signal. */
    static final Duration AFTER_STOP = Duration.ofSeconds(30);

    private final LongSupplier nanoTime;
    private final Pause pause;

    /** Lets time pass. */
    interface Pause {
        void of(Duration time) throws InterruptedException;
    }

    /**
     * The end of patience.
     *
     * @param waited time since the first failure
     * @param cause why the last attempt failed
     */
    record Failure(Duration waited, IOException cause) {}

    /** Saves, or throws. */
    interface Attempt {
        void run() throws IOException;
    }

    /** Hears of attempts that failed and will be repeated. */
    interface Observer {
        void failed(IOException failure, Duration next, Duration left);
    }

    SaveRetry() {
        this(System::nanoTime, time -> Thread.sleep(time.toMillis()));
    }

    SaveRetry(LongSupplier nanoTime, Pause pause) {
        this.nanoTime = nanoTime;
        this.pause = pause;
    }

    /**
     * Tries until it works or patience ends.
     *
     * @param patience longest time between the first failure and the last attempt; zero tries once
     * @param stop whether somebody waits for the run to end; clears the thread's interruption, which would make every
     *     attempt fail, and takes note of it
     * @return null if it worked, or why the last attempt did not
     */
    @Nullable
    Failure run(Attempt attempt, Duration patience, BooleanSupplier stop, Observer observer) {
        long begin = 0;
        long end = 0;
        Duration next = FIRST_PAUSE;
        boolean stopping = false;
        for (boolean first = true; ; first = false) {
            IOException failure = failureOf(attempt);
            if (failure != null && Thread.currentThread().isInterrupted() && stop.getAsBoolean()) {
                failure = failureOf(attempt); // the interruption made it fail, and is cleared now
            }
            if (failure == null) {
                return null;
            }
            if (first) {
                begin = nanoTime.getAsLong();
                end = begin + patience.toNanos();
            }
            if (stop.getAsBoolean() && !stopping) {
                stopping = true;
                next = FIRST_PAUSE;
                end = Math.min(end, nanoTime.getAsLong() + AFTER_STOP.toNanos());
            }
            Duration left = Duration.ofNanos(end - nanoTime.getAsLong());
            if (left.isNegative() || left.isZero()) {
                return new Failure(Duration.ofNanos(nanoTime.getAsLong() - begin), failure);
            }
            next = shorter(next, left);
            observer.failed(failure, next, left);
            await(next, stopping, stop);
            next = shorter(next.multipliedBy(2), LONGEST_PAUSE);
        }
    }

    private static @Nullable IOException failureOf(Attempt attempt) {
        try {
            attempt.run();
            return null;
        } catch (IOException e) {
            return e;
        }
    }

    /** Waits, but no longer once somebody wants the run to end. */
    private void await(Duration time, boolean stopping, BooleanSupplier stop) {
        long end = nanoTime.getAsLong() + time.toNanos();
        boolean ending = stopping;
        while (ending || !stop.getAsBoolean()) {
            Duration left = Duration.ofNanos(end - nanoTime.getAsLong());
            if (left.isNegative() || left.isZero()) {
                return;
            }
            try {
                pause.of(shorter(left, SLICE));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                ending &= stop.getAsBoolean(); // takes note of a wish to end, and clears it
            }
        }
    }

    private static Duration shorter(Duration one, Duration other) {
        return one.compareTo(other) < 0 ? one : other;
    }
}
