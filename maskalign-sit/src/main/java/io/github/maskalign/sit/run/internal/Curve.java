package io.github.maskalign.sit.run.internal;

import java.util.List;
import java.util.TreeMap;
import java.util.function.DoubleUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * One measured quantity over the steps of a run.
 *
 * @param label name in the legend
 * @param steps optimiser steps, in rising order
 * @param values the quantity at each step, or its mean over a window of steps; may be NaN or infinite, where the curve
 *     has a gap
 * @param extremes the smallest and the largest measurement of each window, in the order of their steps; null if every
 *     value is a measurement itself
 */
public record Curve(
        String label,
        double[] steps,
        double[] values,
        @Nullable Curve extremes) {
    /** Checks that each step has a value. */
    public Curve {
        if (steps.length != values.length) {
            throw new IllegalArgumentException("curve '" + label + "' must have as many values as steps but has "
                    + values.length + " values and " + steps.length + " steps");
        }
    }

    /** A curve of single measurements. */
    public Curve(String label, double[] steps, double[] values) {
        this(label, steps, values, null);
    }

    /** Returns what was measured, of each window its extremes: to draw beside the average. */
    public Curve measured() {
        return extremes == null ? this : extremes;
    }

    /** Returns the same curve under another name, as needed when several runs are compared. */
    public Curve named(String other) {
        return new Curve(other, steps, values, extremes);
    }

    /** Returns the single measurements of both; of those of one step this curve's counts. */
    Curve with(Curve other) {
        TreeMap<Double, Double> all = new TreeMap<>();
        for (Curve curve : List.of(other, this)) {
            for (int i = 0; i < curve.steps.length; i++) {
                all.put(curve.steps[i], curve.values[i]);
            }
        }
        return new Curve(
                label,
                all.keySet().stream().mapToDouble(step -> step).toArray(),
                all.values().stream().mapToDouble(value -> value).toArray());
    }

    /** Returns the curve of a function of the values. */
    public Curve mapped(DoubleUnaryOperator function) {
        double[] mapped = new double[values.length];
        for (int i = 0; i < mapped.length; i++) {
            mapped[i] = function.applyAsDouble(values[i]);
        }
        return new Curve(label, steps, mapped, extremes == null ? null : extremes.mapped(function));
    }
}
