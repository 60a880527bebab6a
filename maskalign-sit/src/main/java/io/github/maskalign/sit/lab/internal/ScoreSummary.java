package io.github.maskalign.sit.lab.internal;

import java.util.Collection;

/**
 * Values over seeds.
 *
 * @param n how many
 * @param mean their mean
 * @param sd sample standard deviation; NaN of fewer than two
 * @param low lower end of the 95 % interval of the mean by Student's t; NaN of fewer than two
 * @param high its upper end
 */
record ScoreSummary(int n, double mean, double sd, double low, double high) {
    static ScoreSummary of(Collection<Double> values) {
        throw new UnsupportedOperationException("core.analysis");
    }
}
