package io.github.maskalign.sit.run.internal;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * One axis of a chart.
 *
 * @param low smallest value, or its decimal logarithm
 * @param high largest value, or its decimal logarithm; above {@code low}
 * @param logarithmic whether the axis is
 */
record Axis(double low, double high, boolean logarithmic) {
    private static final int MOST_TICKS = 6;

    /** Returns an axis that holds the values with a little room; logarithmic ones hold positive values. */
    static Axis around(double[] values, boolean logarithmic) {
        double low = Double.POSITIVE_INFINITY;
        double high = Double.NEGATIVE_INFINITY;
        for (double value : values) {
            double x = logarithmic ? Math.log10(value) : value;
            if (Double.isFinite(x)) {
                low = Math.min(low, x);
                high = Math.max(high, x);
            }
        }
        if (low > high) {
            return new Axis(0, 1, false);
        }
        double room = high > low ? 0.04 * (high - low) : Math.max(Math.abs(high) * 0.05, 1e-9);
        return new Axis(low - room, high + room, logarithmic);
    }

    /** Returns where a value lies, 0 at the low end and 1 at the high end; not finite for what has no place. */
    double place(double value) {
        return ((logarithmic ? Math.log10(value) : value) - low) / (high - low);
    }

    /** Returns round values, at most six. */
    List<Double> ticks() {
        List<Double> out = new ArrayList<>();
        if (logarithmic && high - low >= 1) {
            long every = Math.max(1, Math.round((high - low) / MOST_TICKS));
            for (long power = (long) Math.ceil(low); power <= high; power += every) {
                out.add(Math.pow(10, power));
            }
            return out;
        }
        double from = logarithmic ? Math.pow(10, low) : low;
        double to = logarithmic ? Math.pow(10, high) : high;
        double step = roundStep((to - from) / (MOST_TICKS - 1));
        for (long i = (long) Math.ceil(from / step); i * step <= to && out.size() < 2 * MOST_TICKS; i++) {
            out.add(i * step);
        }
        return out;
    }

    private static double roundStep(double least) {
        double power = Math.pow(10, Math.floor(Math.log10(least)));
        for (int factor : new int[] {1, 2, 5}) {
            if (factor * power >= least) {
                return factor * power;
            }
        }
        return 10 * power;
    }

    /** Returns a tick's text: thousands as k, millions as M. */
    static String text(double tick) {
        double size = Math.abs(tick);
        if (size >= 1e6) {
            return trimmed(tick / 1e6) + "M";
        }
        if (size >= 1e4) {
            return trimmed(tick / 1e3) + "k";
        }
        return size != 0 && size < 1e-3
                ? String.format(Locale.ROOT, "%.0e", tick).replace('-', '−')
                : trimmed(tick);
    }

    private static String trimmed(double value) {
        String text =
                String.format(Locale.ROOT, "%.4f", value).replaceAll("0+$", "").replaceAll("\\.$", "");
        return (text.equals("-0") ? "0" : text).replace('-', '−');
    }
}
