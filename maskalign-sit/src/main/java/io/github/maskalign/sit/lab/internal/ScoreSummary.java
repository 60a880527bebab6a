package io.github.maskalign.sit.lab.internal;

import io.github.maskalign.core.analysis.Measured;
import java.util.Collection;

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
    private static final int FEWEST = 3;
    private static final double LEVEL = 0.95;

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
