package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.sit.weights.internal.TensorStream;
import java.io.IOException;
import java.util.Optional;

/**
 * The values of a tensor in numbers, all over the finite ones.
 *
 * @param min smallest; NaN if there is no finite value
 * @param max largest; NaN if there is no finite value
 * @param mean their mean
 * @param std their standard deviation, with N − 1 in the denominator; NaN for less than two
 * @param nonFinite how many values are NaN or infinite
 */
record TensorStats(double min, double max, double mean, double std, long nonFinite) {

    /** Reads a tensor piece by piece; empty for types without numbers here, such as 8-bit floats. */
    static Optional<TensorStats> of(TensorSource tensor) throws IOException {
        Sum sum = new Sum();
        if (tensor.type().isFloat()) {
            TensorStream.floats(tensor, values -> {
                for (float value : values) {
                    sum.add(value);
                }
            });
        } else if (tensor.type().isInteger()) {
            TensorStream.longs(tensor, values -> {
                for (long value : values) {
                    sum.add(value);
                }
            });
        } else {
            return Optional.empty();
        }
        return Optional.of(sum.stats());
    }

    /** Sums of the differences from the first value, which do not cancel as sums of squares do. */
    private static final class Sum {
        private long count;
        private long nonFinite;
        private double first;
        private double min = Double.POSITIVE_INFINITY;
        private double max = Double.NEGATIVE_INFINITY;
        private double differences;
        private double squares;

        void add(double value) {
            if (!Double.isFinite(value)) {
                nonFinite++;
                return;
            }
            if (count++ == 0) {
                first = value;
            }
            min = Math.min(min, value);
            max = Math.max(max, value);
            double difference = value - first;
            differences += difference;
            squares += difference * difference;
        }

        TensorStats stats() {
            if (count == 0) {
                return new TensorStats(Double.NaN, Double.NaN, Double.NaN, Double.NaN, nonFinite);
            }
            double offset = differences / count;
            double variance = (squares - differences * offset) / (count - 1); // 0/0 for one value
            return new TensorStats(
                    min, max, first + offset, count == 1 ? Double.NaN : Math.sqrt(Math.max(variance, 0)), nonFinite);
        }
    }
}
