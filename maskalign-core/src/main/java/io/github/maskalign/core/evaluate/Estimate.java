package io.github.maskalign.core.evaluate;

import java.util.OptionalDouble;

/**
 * A number and how uncertain it is.
 *
 * @param value the number
 * @param error its standard error or spread, at least 0; empty if it cannot be told
 * @param errorIs what the error is, in a few words
 */
public record Estimate(double value, OptionalDouble error, String errorIs) {
    /** Checks the numbers. */
    public Estimate {
        if (!Double.isFinite(value)) {
            throw new IllegalArgumentException("an estimate must be finite but was " + value);
        }
        if (error.isPresent() && !(error.getAsDouble() >= 0 && Double.isFinite(error.getAsDouble()))) {
            throw new IllegalArgumentException("an error must be finite and at least 0 but was " + error.getAsDouble());
        }
    }

    /** An estimate of which no error is known. */
    public static Estimate alone(double value) {
        return new Estimate(value, OptionalDouble.empty(), "not estimated");
    }

    /**
     * The delete-a-group jackknife: with θ₍g₎ computed without group g of G and θ̄ their mean,
     * error² = (G − 1)/G Σ (θ₍g₎ − θ̄)².
     *
     * @param value computed from all pictures
     * @param without computed without one group each
     */
    public static Estimate jackknife(double value, double[] without) {
        int groups = without.length;
        if (groups < 2) {
            return alone(value);
        }
        double variance = spread(without) * (groups - 1) / groups * (groups - 1);
        return new Estimate(
                value,
                OptionalDouble.of(Math.sqrt(variance)),
                "standard error, jackknife over " + groups + " groups of samples");
    }

    /**
     * A share of n points and its bootstrap error over these points, which has the closed form √(p(1 − p)/n).
     *
     * @param points what the points are
     */
    public static Estimate share(long hits, long n, String points) {
        double p = (double) hits / n;
        return new Estimate(
                p, OptionalDouble.of(Math.sqrt(p * (1 - p) / n)), "standard error, bootstrap over " + points);
    }

    /** The mean of parts and their standard deviation (the root of the mean squared deviation), as the field prints it. */
    public static Estimate overParts(double[] parts, String what) {
        double mean = mean(parts);
        double sum = 0;
        for (double part : parts) {
            sum += (part - mean) * (part - mean);
        }
        return parts.length < 2
                ? alone(mean)
                : new Estimate(
                        mean,
                        OptionalDouble.of(Math.sqrt(sum / parts.length)),
                        "standard deviation over " + parts.length + " " + what);
    }

    private static double mean(double[] values) {
        double sum = 0;
        for (double value : values) {
            sum += value;
        }
        return sum / values.length;
    }

    /** The unbiased variance. */
    private static double spread(double[] values) {
        double mean = mean(values);
        double sum = 0;
        for (double value : values) {
            sum += (value - mean) * (value - mean);
        }
        return sum / (values.length - 1);
    }
}
