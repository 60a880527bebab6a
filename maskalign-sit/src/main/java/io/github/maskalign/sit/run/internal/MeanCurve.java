package io.github.maskalign.sit.run.internal;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.DoubleStream;

/**
 * The curves of runs that differ in their seeds alone, as one: over the steps that all of them have.
 *
 * @param mean their mean
 * @param deviation their sample standard deviation, at the same steps
 */
record MeanCurve(Curve mean, Curve deviation) {
    /**
     * Returns the mean, unless fewer than two curves or no step in common.
     *
     * @param between whether a curve has values between its points too, on a straight line; else a step counts if every
     *     curve has a point there
     */
    static Optional<MeanCurve> of(List<Curve> curves, boolean between) {
        if (curves.size() < 2) {
            return Optional.empty();
        }
        double[] steps = DoubleStream.of(curves.get(0).steps())
                .filter(step -> curves.stream().allMatch(curve -> Double.isFinite(at(curve, step, between))))
                .toArray();
        if (steps.length == 0) {
            return Optional.empty();
        }
        double[] means = new double[steps.length];
        double[] deviations = new double[steps.length];
        for (int i = 0; i < steps.length; i++) {
            double step = steps[i];
            Spread spread = Spread.of(curves.stream().mapToDouble(curve -> at(curve, step, between)));
            means[i] = spread.mean();
            deviations[i] = spread.deviation();
        }
        return Optional.of(new MeanCurve(new Curve("mean", steps, means), new Curve("deviation", steps, deviations)));
    }

    /** Returns the value at a step; NaN if there is none. */
    static double at(Curve curve, double step, boolean between) {
        int found = Arrays.binarySearch(curve.steps(), step);
        if (found >= 0) {
            return curve.values()[found];
        }
        int after = -found - 1;
        if (!between || after == 0 || after == curve.steps().length) {
            return Double.NaN;
        }
        double share = (step - curve.steps()[after - 1]) / (curve.steps()[after] - curve.steps()[after - 1]);
        return curve.values()[after - 1] + share * (curve.values()[after] - curve.values()[after - 1]);
    }
}
