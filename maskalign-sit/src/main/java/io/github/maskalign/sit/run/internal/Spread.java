package io.github.maskalign.sit.run.internal;

import java.util.stream.DoubleStream;

/**
 * What runs that differ in their seeds alone agree on.
 *
 * @param count finite values n
 * @param mean their mean; NaN if there are none
 * @param deviation their sample standard deviation √(Σ (x − mean)² / (n − 1)); NaN unless n is at least 2
 */
record Spread(int count, double mean, double deviation) {
    static Spread of(DoubleStream values) {
        double[] finite = values.filter(Double::isFinite).toArray();
        int n = finite.length;
        double mean = n == 0 ? Double.NaN : DoubleStream.of(finite).sum() / n;
        double squares =
                DoubleStream.of(finite).map(x -> (x - mean) * (x - mean)).sum();
        return new Spread(n, mean, n < 2 ? Double.NaN : Math.sqrt(squares / (n - 1)));
    }

    /** Returns {@code mean ± deviation}, which no line end parts; of one value the value. */
    String text() {
        return Markup.number(mean) + (count < 2 ? "" : "\u00A0±\u00A0" + Markup.deviation(deviation));
    }
}
