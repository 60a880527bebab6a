package io.github.maskalign.examples.report;

/**
 * One measured quantity over the steps of a run.
 *
 * @param label name in the legend
 * @param steps optimiser steps, in rising order
 * @param values the quantity at each step; may be NaN or infinite, where the curve has a gap
 */
public record Curve(String label, double[] steps, double[] values) {
    /** Checks that each step has a value. */
    public Curve {
        if (steps.length != values.length) {
            throw new IllegalArgumentException("curve '" + label + "' must have as many values as steps but has "
                    + values.length + " values and " + steps.length + " steps");
        }
    }

    /** Returns the same curve under another name, as needed when several runs are compared. */
    public Curve named(String other) {
        return new Curve(other, steps, values);
    }
}
