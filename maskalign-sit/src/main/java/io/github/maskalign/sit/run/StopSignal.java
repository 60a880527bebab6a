package io.github.maskalign.sit.run;

import io.github.maskalign.core.engine.internal.NativeExit;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Lets a run end in order when the process is asked to end: by Ctrl-C (SIGINT), by SIGTERM, or by {@code System.exit} in
 * another thread.
 *
 * <pre>{@code
 * TrainingRun run = TrainingRun.open(config, folder); // or a SiTTraining, a SamplingRun, a TrainLoop
 * try (StopSignal stop = StopSignal.listen(run::requestStop)) {
 *     run.run(); // ends its step and saves once it is asked to stop
 * } // the process ends here, with exit code 130 or 143, if it was asked to stop
 * }</pre>
 *
 * <p>The JVM stays up until the signal is closed, at most for a minute: then it ends below the step that still computes, as
 * if killed, which a run survives with its last checkpoint. A program that does not listen ends at once, in the same way.
 */
public final class StopSignal implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(StopSignal.class);
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final CountDownLatch finished = new CountDownLatch(1);
    private final Runnable onStop;
    private final Thread hook;
    private volatile boolean requested;

    private StopSignal(Runnable onStop) {
        this.onStop = onStop;
        hook = new Thread(this::stop, "stop-signal");
    }

    /**
     * Starts to listen.
     *
     * @param onStop tells the run to end; called from another thread, at most once, and does not wait
     * @throws IllegalStateException if the process is already ending
     */
    public static StopSignal listen(Runnable onStop) {
        NativeExit.install();
        StopSignal signal = new StopSignal(onStop);
        Runtime.getRuntime().addShutdownHook(signal.hook);
        return signal;
    }

    /** Tells whether the process was asked to stop. */
    public boolean requested() {
        return requested;
    }

    /** Says that the run is over. */
    @Override
    public void close() {
        finished.countDown();
        if (!requested) {
            try {
                Runtime.getRuntime().removeShutdownHook(hook);
            } catch (IllegalStateException e) {
                LOG.debug("the JVM is already shutting down");
            }
        }
    }

    private void stop() {
        requested = true;
        LOG.info("asked to stop: ending the current step and saving");
        onStop.run();
        try {
            if (!finished.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                LOG.warn("the run did not end within {} s; its last checkpoint is intact", PATIENCE.toSeconds());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        NativeExit.arm(); // behind what the run has loaded since
    }
}
