package io.github.maskalign.core.analysis;

import io.github.maskalign.core.random.internal.SplitMix64;
import java.util.Arrays;
import java.util.Optional;

/**
 * A number measured on a sample: its value, its standard error, an interval around it, and what chance alone gives.
 *
 * <p>Unless a method says otherwise the interval is the <b>basic</b> (reverse percentile) bootstrap interval over the
 * pictures, {@code [2θ̂ − q(1−a), 2θ̂ − q(a)]} with {@code a = (1 − level) / 2} and q the quantiles of the resampled
 * statistic, cut off where the statistic cannot go (Davison and Hinkley 1997, section 5.2). The percentile interval would
 * be wrong here: spread, total variation, Q, W and η² are inflated by the noise of a finite sample, a resample adds that
 * noise once more, and so all resamples may lie above the value. The basic interval takes this bias off; the percentile
 * interval doubles it, and BCa is not defined where no resample lies below the value. The price is an interval that is
 * not invariant under transformations; ratios are therefore treated in logarithms.
 *
 * @param value the statistic of the whole sample
 * @param error its standard error, in the same units; NaN where none is known
 * @param low lower end of the interval; NaN where there is none
 * @param high upper end of the interval; NaN where there is none
 * @param chance what the statistic is when there is nothing to find, where that is known
 */
public record Measured(double value, double error, double low, double high, Optional<Chance> chance) {

    /**
     * What a statistic is by chance alone.
     *
     * @param mean its mean
     * @param deviation its standard deviation
     * @param low lower end of the interval that holds it with the level asked for
     * @param high upper end of that interval
     * @param pValue how often chance gives at least what was measured, in [0, 1]. One-sided, towards what there is to find,
     *     unless the method says otherwise. Of B random draws it is (1 + number as extreme) / (1 + B)
     */
    public record Chance(double mean, double deviation, double low, double high, double pValue) {}

    /**
     * How intervals and chance are found by random draws. The same seed gives the same draws.
     *
     * @param draws how many resamples, and how many draws of chance; at least 20
     * @param level what share the intervals hold, in (0, 1)
     * @param seed any value
     */
    public record Resampling(int draws, double level, long seed) {
        public Resampling {
            if (draws < 20) {
                throw new IllegalArgumentException("draws must be at least 20 but was " + draws);
            }
            checkShare("level", level);
        }

        /** Returns 1000 draws and intervals of 95 %. */
        public static Resampling of(long seed) {
            return new Resampling(1000, 0.95, seed);
        }

        /** Returns the generator of one draw for one purpose; purposes and draws do not depend on each other. */
        SplitMix64 at(String purpose, long draw) {
            long h = SplitMix64.mix(seed + SplitMix64.GOLDEN_GAMMA);
            h = SplitMix64.mix(h ^ (purpose.hashCode() + 1L) * SplitMix64.GOLDEN_GAMMA);
            return new SplitMix64(SplitMix64.mix(h ^ (draw + 1) * SplitMix64.GOLDEN_GAMMA));
        }
    }

    /**
     * Returns the mean of independent values, such as one for each picture, with {@code error = sd / √n} and the bootstrap
     * interval over the values.
     *
     * @throws IllegalArgumentException if there are fewer than 2 values or one is not finite
     */
    public static Measured mean(double[] values, Resampling resampling) {
        checkValues("values", values, 2);
        double mean = Resampled.mean(values);
        double[] replicates = Resampled.replicate(resampling, "mean", values.length, rows -> {
            double sum = 0;
            for (int row : rows) {
                sum += values[row];
            }
            return sum / rows.length;
        });
        Measured found = Resampled.basic(
                mean, replicates, resampling.level(), Double.NEGATIVE_INFINITY, Double.POSITIVE_INFINITY);
        double error = Math.sqrt(Resampled.variance(values) / values.length);
        return new Measured(mean, error, found.low, found.high, Optional.empty());
    }

    /**
     * Returns a share of independent cases with Wilson's interval (1927), which holds its level near 0 and 1 too:
     *
     * <pre>
     * (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n)
     * </pre>
     *
     * @param hits how many of the cases, in [0, cases]
     * @param cases how many there are, at least 1
     * @param level what share of such intervals holds the truth, in (0, 1)
     */
    public static Measured proportion(long hits, long cases, double level) {
        if (cases < 1 || hits < 0 || hits > cases) {
            throw new IllegalArgumentException(
                    "hits must be in [0, cases] and cases at least 1 but they were " + hits + " and " + cases);
        }
        checkShare("level", level);
        double p = (double) hits / cases;
        double z = Distributions.normalQuantile(0.5 + level / 2);
        double z2 = z * z / cases;
        double middle = (p + z2 / 2) / (1 + z2);
        double half = z * Math.sqrt(p * (1 - p) / cases + z2 / (4.0 * cases)) / (1 + z2);
        double low = hits == 0 ? 0 : middle - half;
        double high = hits == cases ? 1 : middle + half;
        return new Measured(p, Math.sqrt(p * (1 - p) / cases), low, high, Optional.empty());
    }

    /**
     * Returns the mean of the differences {@code a_i − b_i} of runs that share a seed, with Student's interval, and the
     * two-sided p-value of no difference. Few seeds are no reason for a bootstrap: of 3 values it knows 10 means.
     *
     * @throws IllegalArgumentException unless both have the same length, at least 3
     */
    public static Measured paired(double[] a, double[] b, double level) {
        if (a.length != b.length) {
            throw new IllegalArgumentException(
                    "paired runs must be equally many but there are " + a.length + " and " + b.length);
        }
        checkShare("level", level);
        checkValues("a", a, 3);
        checkValues("b", b, 3);
        double[] differences = new double[a.length];
        Arrays.setAll(differences, i -> a[i] - b[i]);
        int freedom = a.length - 1;
        double mean = Resampled.mean(differences);
        double error = Math.sqrt(Resampled.variance(differences) / a.length);
        double half = error * Distributions.studentQuantile(0.5 + level / 2, freedom);
        double p = error == 0
                ? (mean == 0 ? 1 : Double.MIN_NORMAL)
                : 2 * Distributions.studentTail(Math.abs(mean) / error, freedom);
        return new Measured(
                mean, error, mean - half, mean + half, Optional.of(new Chance(0, error, -half, half, Math.min(1, p))));
    }

    /**
     * Returns how likely {@link #paired} finds an effect at the level {@code 1 − alpha}: the probability that a noncentral t
     * of n − 1 degrees and noncentrality {@code effect √n / deviation} lies outside of Student's two quantiles.
     *
     * @param seeds how many pairs of runs, n, at least 2
     * @param effect the mean difference there is, in any units
     * @param deviation standard deviation of the differences between pairs in the same units, above 0
     * @param alpha share of false alarms, in (0, 1)
     */
    public static double power(int seeds, double effect, double deviation, double alpha) {
        if (seeds < 2 || !(deviation > 0) || !Double.isFinite(deviation) || !Double.isFinite(effect)) {
            throw new IllegalArgumentException(
                    "power needs at least 2 seeds, a finite effect and a deviation above 0 but" + " they were " + seeds
                            + ", " + effect + " and " + deviation);
        }
        checkShare("alpha", alpha);
        double critical = Distributions.studentQuantile(1 - alpha / 2, seeds - 1);
        double shift = Math.abs(effect) * Math.sqrt(seeds) / deviation;
        return Distributions.noncentralTail(critical, seeds - 1, shift)
                + Distributions.noncentralTail(critical, seeds - 1, -shift);
    }

    /**
     * Returns the smallest number of pairs of runs with which {@link #power} is reached.
     *
     * @param effect the mean difference to be seen, not 0
     * @param deviation standard deviation of the differences, above 0
     * @param alpha share of false alarms, in (0, 1)
     * @param power how likely the effect is to be seen, in (0, 1)
     * @throws IllegalArgumentException also if more than a million pairs are needed
     */
    public static int seedsNeeded(double effect, double deviation, double alpha, double power) {
        checkShare("power", power);
        int most = 1_000_000;
        int high = 2;
        while (high < most && power(high, effect, deviation, alpha) < power) {
            high = Math.min(most, 2 * high);
        }
        if (power(high, effect, deviation, alpha) < power) {
            throw new IllegalArgumentException("an effect of " + effect + " with a deviation of " + deviation
                    + " needs more than " + most + " pairs of runs");
        }
        int low = 2;
        while (low < high) {
            int middle = (low + high) / 2;
            if (power(middle, effect, deviation, alpha) < power) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    /**
     * Returns the smallest effect that so many pairs of runs find with {@link #power}, in the units of the deviation, to a
     * relative 1e-9.
     *
     * @param seeds how many pairs of runs, at least 2
     * @param deviation standard deviation of the differences, above 0
     * @param alpha share of false alarms, in (0, 1), below {@code power}
     * @param power how likely the effect is to be seen, in (0, 1)
     */
    public static double detectable(int seeds, double deviation, double alpha, double power) {
        checkShare("power", power);
        if (power <= alpha) {
            throw new IllegalArgumentException("power must be above alpha, " + alpha + ", but was " + power);
        }
        double high = deviation;
        while (power(seeds, high, deviation, alpha) < power) {
            high *= 2;
        }
        double low = 0;
        while (high - low > 1e-9 * high) {
            double middle = (low + high) / 2;
            if (power(seeds, middle, deviation, alpha) < power) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return high;
    }

    Measured withChance(Chance found) {
        return new Measured(value, error, low, high, Optional.of(found));
    }

    static void checkShare(String name, double value) {
        if (!(value > 0 && value < 1)) {
            throw new IllegalArgumentException(name + " must be in (0, 1) but was " + value);
        }
    }

    static void checkValues(String name, double[] values, int least) {
        if (values.length < least) {
            throw new IllegalArgumentException(
                    name + " must be at least " + least + " numbers but are " + values.length);
        }
        for (int i = 0; i < values.length; i++) {
            if (!Double.isFinite(values[i])) {
                throw new IllegalArgumentException(name + "[" + i + "] must be finite but was " + values[i]);
            }
        }
    }
}
