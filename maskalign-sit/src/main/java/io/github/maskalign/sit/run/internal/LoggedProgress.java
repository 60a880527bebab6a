package io.github.maskalign.sit.run.internal;

import io.github.maskalign.sit.run.Progress;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Shows how far work is by a log line every so many steps. */
public final class LoggedProgress implements Progress {
    private static final Logger LOG = LoggerFactory.getLogger(LoggedProgress.class);

    private final Plan plan;
    private final ProgressRate rate;

    LoggedProgress(Plan plan, LongSupplier nanoTime) {
        this.plan = plan;
        rate = new ProgressRate(plan, nanoTime);
    }

    /** Starts to log. */
    public static LoggedProgress open(Plan plan) {
        return new LoggedProgress(plan, System::nanoTime);
    }

    @Override
    public void step(long step, double loss) {
        if (step % plan.logEvery() == 0 || step >= plan.totalSteps()) {
            rate.mark(step);
            LOG.info(rate.line(step, loss));
        }
    }

    @Override
    public void close() {}
}
