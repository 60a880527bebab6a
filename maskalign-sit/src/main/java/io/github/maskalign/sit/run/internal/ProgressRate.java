package io.github.maskalign.sit.run.internal;

import io.github.maskalign.sit.run.Progress;
import java.util.Locale;
import java.util.function.LongSupplier;

/** Pictures a second between two marks, and what displays say of it. */
public final class ProgressRate {
    private static final long NANOS = 1_000_000_000L;

    private final Progress.Plan plan;
    private final LongSupplier nanoTime;
    private long markStep;
    private long markTime;
    private double stepsPerSecond = Double.NaN;

    /** Starts to measure. */
    public ProgressRate(Progress.Plan plan, LongSupplier nanoTime) {
        this.plan = plan;
        this.nanoTime = nanoTime;
        markStep = plan.firstStep();
        markTime = nanoTime.getAsLong();
    }

    /** Tells whether the last mark is a second old. */
    public boolean isDue() {
        return nanoTime.getAsLong() - markTime >= NANOS;
    }

    /** Measures the rate since the last mark. */
    public void mark(long step) {
        long now = nanoTime.getAsLong();
        if (step > markStep && now > markTime) {
            stepsPerSecond = (step - markStep) * (double) NANOS / (now - markTime);
            markStep = step;
            markTime = now;
        }
    }

    /** Returns task, steps, {@link #message} and the time left. */
    String line(long step, double loss) {
        String left = step >= plan.totalSteps() || Double.isNaN(stepsPerSecond)
                ? ""
                : ", " + time((long) ((plan.totalSteps() - step) / stepsPerSecond)) + " left";
        return String.format(
                Locale.ROOT, "%s %,d/%,d: %s%s", plan.task(), step, plan.totalSteps(), message(loss), left);
    }

    /** Returns the loss, if there is one, and the rate, if it is known. */
    public String message(double loss) {
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
}
