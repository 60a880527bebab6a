package io.github.maskalign.sit.run.internal;

import java.util.Map;
import java.util.TreeMap;

/**
 * One quantity as it is read: every measurement as long as there are few, windows of 2, 4, 8, ... steps once there are
 * more, so that the memory of a curve does not grow with the length of a run. A window knows its mean, which smooth
 * curves are made of, and its extremes, so that no spike is lost.
 */
final class CurveWindows {
    /** More points than a chart has pixels: windows cannot be told from measurements. */
    static final int MOST = 8192;

    private TreeMap<Double, Window> windows = new TreeMap<>();
    private double width;

    /** Takes a measurement. Of those of the same step the last one counts, unless they are in windows by now. */
    void add(double step, double value) {
        double key = key(step);
        Window window = width == 0 ? null : windows.get(key);
        if (window == null) {
            windows.put(key, new Window(step, value));
        } else {
            window.add(new Window(step, value));
        }
        while (windows.size() > MOST) {
            widen();
        }
    }

    private double key(double step) {
        return width == 0 ? step : Math.floor(step / width);
    }

    private void widen() {
        TreeMap<Double, Window> narrow = windows;
        windows = new TreeMap<>();
        width = width == 0 ? 2 : 2 * width;
        for (Window window : narrow.values()) {
            double key = key(window.first);
            Window wide = windows.get(key);
            if (wide == null) {
                windows.put(key, window);
            } else {
                wide.add(window);
            }
        }
    }

    Curve curve(String label) {
        double[] steps = new double[windows.size()];
        double[] means = new double[steps.length];
        double[] extremeSteps = new double[2 * steps.length];
        double[] extremes = new double[2 * steps.length];
        int i = 0;
        for (Map.Entry<Double, Window> entry : windows.entrySet()) {
            Window window = entry.getValue();
            steps[i] = 0.5 * (window.first + window.last);
            means[i] = window.mean();
            boolean lowFirst = window.lowStep <= window.highStep;
            extremeSteps[2 * i] = lowFirst ? window.lowStep : window.highStep;
            extremes[2 * i] = lowFirst ? window.low : window.high;
            extremeSteps[2 * i + 1] = lowFirst ? window.highStep : window.lowStep;
            extremes[2 * i + 1] = lowFirst ? window.high : window.low;
            i++;
        }
        return new Curve(label, steps, means, width == 0 ? null : new Curve(label, extremeSteps, extremes));
    }

    /** Measurements of neighbouring steps. */
    private static final class Window {
        private double first;
        private double last;
        private double sum;
        private int count;
        private double other;
        private double low;
        private double lowStep;
        private double high;
        private double highStep;

        Window(double step, double value) {
            boolean finite = Double.isFinite(value);
            first = step;
            last = step;
            sum = finite ? value : 0;
            count = finite ? 1 : 0;
            other = value;
            low = value;
            lowStep = step;
            high = value;
            highStep = step;
        }

        void add(Window next) {
            first = Math.min(first, next.first);
            last = Math.max(last, next.last);
            if (count == 0 || next.count > 0 && next.low < low) {
                low = next.low;
                lowStep = next.lowStep;
            }
            if (count == 0 || next.count > 0 && next.high > high) {
                high = next.high;
                highStep = next.highStep;
            }
            sum += next.sum;
            count += next.count;
            other = next.count == 0 ? next.other : other;
        }

        /** The mean of the finite values; if there is none, what there is. */
        double mean() {
            return count == 0 ? other : sum / count;
        }
    }
}
