package io.github.maskalign.examples;

import io.github.maskalign.sit.run.Progress;
import io.github.maskalign.sit.run.internal.ProgressRate;
import java.time.Duration;
import java.util.Optional;
import java.util.function.LongSupplier;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * Shows how far a run is by a bar on a terminal, which tells the step, the loss, images per second over the last seconds,
 * and the time left.
 */
final class TerminalBar implements Progress {
    private final Plan plan;
    private final ProgressBar bar;
    private final ProgressRate rate;

    TerminalBar(Plan plan, ProgressBar bar, LongSupplier nanoTime) {
        this.plan = plan;
        this.bar = bar;
        rate = new ProgressRate(plan, nanoTime);
    }

    /** Returns bars if standard error is a terminal that can redraw a line, otherwise log lines. */
    static Progress.Display display() {
        return JvmDefaults.isTerminal()
                ? plan -> new TerminalBar(plan, builder(plan).build(), System::nanoTime)
                : Progress.Display.LOG;
    }

    @Override
    public void step(long step, double loss) {
        if (rate.isDue() || step >= plan.totalSteps()) {
            rate.mark(step);
            bar.setExtraMessage(" " + rate.message(loss));
        }
        bar.stepTo(step);
    }

    /** The last state of the bar stays on the screen. */
    @Override
    public void close() {
        bar.close();
    }

    /** The bar's settings; its time left counts only the steps of this process. */
    static ProgressBarBuilder builder(Plan plan) {
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
