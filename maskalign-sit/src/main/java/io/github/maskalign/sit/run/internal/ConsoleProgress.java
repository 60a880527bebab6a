package io.github.maskalign.sit.run.internal;

import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.function.LongSupplier;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Shows how far a run is: a bar on a terminal, otherwise a log line every so many steps. Both tell the step,
 * the loss, images per second since the last line or over the last seconds, and the time left.
 */
public final class ConsoleProgress implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ConsoleProgress.class);
    private static final long NANOS = 1_000_000_000L;

    private final ProgressPlan plan;
    private final @Nullable ProgressBar bar;
    private final LongSupplier nanoTime;
    private long markStep;
    private long markTime;
    private double stepsPerSecond = Double.NaN;

    ConsoleProgress(ProgressPlan plan, @Nullable ProgressBar bar, LongSupplier nanoTime) {
        this.plan = plan;
        this.bar = bar;
        this.nanoTime = nanoTime;
        this.markStep = plan.firstStep();
        this.markTime = nanoTime.getAsLong();
    }

    /**
     * Starts the display.
     *
     * @param terminal whether standard error is a terminal that can redraw a line
     */
    public static ConsoleProgress open(ProgressPlan plan, boolean terminal) {
        return new ConsoleProgress(plan, terminal ? bar(plan) : null, System::nanoTime);
    }

    /**
     * Tells that a step is done.
     *
     * @param step steps done in total
     * @param loss the step's loss, or NaN if the task has none
     */
    public void step(long step, double loss) {
        long now = nanoTime.getAsLong();
        boolean last = step >= plan.totalSteps();
        if (bar != null) {
            if (now - markTime >= NANOS || last) {
                mark(step, now);
                bar.setExtraMessage(" " + message(loss));
            }
            bar.stepTo(step);
        } else if (step % plan.logEvery() == 0 || last) {
            mark(step, now);
            LOG.info(line(step, loss));
        }
    }

    /** Ends the display; the last state of the bar stays on the screen. */
    @Override
    public void close() {
        if (bar != null) {
            bar.close();
        }
    }

    private void mark(long step, long now) {
        if (step > markStep && now > markTime) {
            stepsPerSecond = (step - markStep) * (double) NANOS / (now - markTime);
            markStep = step;
            markTime = now;
        }
    }

    private String line(long step, double loss) {
        String left = step >= plan.totalSteps() || Double.isNaN(stepsPerSecond)
                ? ""
                : ", " + time((long) ((plan.totalSteps() - step) / stepsPerSecond)) + " left";
        return String.format(
                Locale.ROOT, "%s %,d/%,d: %s%s", plan.task(), step, plan.totalSteps(), message(loss), left);
    }

    private String message(double loss) {
        String rate = Double.isNaN(stepsPerSecond) ? "" : rate(stepsPerSecond * plan.imagesPerStep()) + " img/s";
        String value = Double.isNaN(loss) ? "" : String.format(Locale.ROOT, "loss %.4f", loss);
        return value.isEmpty() || rate.isEmpty() ? value + rate : value + ", " + rate;
    }

    private static String rate(double perSecond) {
        String format = perSecond < 10 ? "%.2f" : perSecond < 100 ? "%.1f" : "%.0f";
        return String.format(Locale.ROOT, format, perSecond);
    }

    /** Writes a duration with its two largest units: 45s, 12m 05s, 3h 07m, 2d 04h. */
    static String time(long seconds) {
        if (seconds < 60) {
            return seconds + "s";
        }
        if (seconds < 3600) {
            return String.format(Locale.ROOT, "%dm %02ds", seconds / 60, seconds % 60);
        }
        if (seconds < 86_400) {
            return String.format(Locale.ROOT, "%dh %02dm", seconds / 3600, seconds / 60 % 60);
        }
        return String.format(Locale.ROOT, "%dd %02dh", seconds / 86_400, seconds / 3600 % 24);
    }

    private static ProgressBar bar(ProgressPlan plan) {
        return builder(plan).build();
    }

    /** The bar's settings; its time left counts only the steps of this process. */
    static ProgressBarBuilder builder(ProgressPlan plan) {
        return new ProgressBarBuilder()
                .setTaskName(plan.task())
                .setInitialMax(plan.totalSteps())
                .startsFrom(plan.firstStep(), Duration.ZERO)
                .setStyle(ProgressBarStyle.ASCII)
                .setUpdateIntervalMillis(250)
                .setEtaFunction(state -> {
                    long done = state.getCurrent() - state.getStart();
                    if (done <= 0) {
                        return Optional.empty();
                    }
                    double perStep = state.getElapsedAfterStart().toMillis() / (double) done;
                    return Optional.of(Duration.ofMillis((long) (perStep * (state.getMax() - state.getCurrent()))));
                });
    }
}
