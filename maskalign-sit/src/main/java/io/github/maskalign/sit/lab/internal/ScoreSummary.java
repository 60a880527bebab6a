package io.github.maskalign.sit.lab.internal;

import io.github.maskalign.core.analysis.Measured;
import java.util.Collection;
import org.jspecify.annotations.Nullable;

/**
 * Values over seeds.
 *
 * @param n how many
 * @param mean their mean
 * @param sd sample standard deviation; NaN of fewer than two
 * @param low lower end of the 95 % interval of the mean by Student's t; NaN of fewer than three
 * @param high its upper end
 */
record ScoreSummary(int n, double mean, double sd, double low, double high) {
    private static final double FALSE_ALARMS = 0.05;
    private static final double FOUND = 0.8;

    private static final int FEWEST = 3;
    private static final double LEVEL = 0.95;

    /**
     * What these many differences can show, if their deviation is the true one.
     *
     * @param detectable smallest mean difference that is found four times out of five, at 5 % false alarms
     * @param seedsNeeded how many seeds would find the difference that was measured; 0 if more than a million
     */
    record Power(double detectable, int seedsNeeded) {}

    /** Returns what differences like these can show; null of fewer than three, or without spread. */
    @Nullable
    Power power() {
        if (n < FEWEST || !(sd > 0)) {
            return null;
        }
        int seeds;
        try {
            seeds = mean == 0 ? 0 : Measured.seedsNeeded(mean, sd, FALSE_ALARMS, FOUND);
        } catch (IllegalArgumentException e) { // more than can be counted to
            seeds = 0;
        }
        return new Power(Measured.detectable(n, sd, FALSE_ALARMS, FOUND), seeds);
    }

    static ScoreSummary of(Collection<Double> values) {
        double[] x = values.stream().mapToDouble(value -> value).toArray();
        if (x.length < FEWEST) {
            double mean = values.stream().mapToDouble(value -> value).average().orElse(Double.NaN);
            double sd = x.length < 2 ? Double.NaN : Math.abs(x[0] - x[1]) / Math.sqrt(2);
            return new ScoreSummary(x.length, mean, sd, Double.NaN, Double.NaN);
        }
        Measured measured = Measured.paired(x, new double[x.length], LEVEL);
        return new ScoreSummary(
                x.length, measured.value(), measured.error() * Math.sqrt(x.length), measured.low(), measured.high());
    }
}
