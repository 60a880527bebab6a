package io.github.maskalign.core.random.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonParser;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;

/** Fixed seeds, so that no test depends on luck; bounds are those of the statistics' distributions. */
class SplitMix64Test {
    private static final int COUNT = 4_000_000;

    @Test
    void normalNumbersHaveTheMomentsOfTheNormalDistribution() {
        SplitMix64 random = new SplitMix64(42);
        double[] sums = new double[7];
        double neighbours = 0;
        double last = 0;
        for (int i = 0; i < COUNT; i++) {
            double x = random.nextGaussian();
            double power = 1;
            for (int k = 1; k < sums.length; k++) {
                power *= x;
                sums[k] += power;
            }
            neighbours += last * x;
            last = x;
        }

        double[] expected = {1, 0, 1, 0, 3, 0, 15};
        double[] variance = {0, 1, 2, 15, 96, 945, 10_170}; // of xᵏ: E x²ᵏ − (E xᵏ)²
        for (int k = 1; k < sums.length; k++) {
            assertThat(sums[k] / COUNT)
                    .as("moment %d", k)
                    .isCloseTo(expected[k], within(4 * Math.sqrt(variance[k] / COUNT)));
        }
        assertThat(neighbours / COUNT).isCloseTo(0, within(4 / Math.sqrt(COUNT)));
    }

    @Test
    void normalNumbersHaveTheDistributionFunction() throws Exception {
        double[] borders = quantiles();
        int parts = borders.length + 1;
        long[] counts = new long[parts];
        SplitMix64 random = new SplitMix64(43);
        for (int i = 0; i < COUNT; i++) {
            int at = Arrays.binarySearch(borders, random.nextGaussian());
            counts[at < 0 ? -at - 1 : at]++;
        }

        double square = 0;
        double distance = 0;
        long below = 0;
        for (int k = 0; k < parts; k++) {
            double expected = (double) COUNT / parts;
            square += (counts[k] - expected) * (counts[k] - expected) / expected;
            below += counts[k];
            distance = Math.max(distance, Math.abs((double) below / COUNT - (k + 1.0) / parts));
        }
        assertThat(distance * Math.sqrt(COUNT))
                .as("Kolmogorov and Smirnov, 0.1 %%")
                .isLessThan(1.95);
        assertThat(square)
                .as("chi-squared of %d parts, four standard deviations", parts)
                .isCloseTo(parts - 1, within(4 * Math.sqrt(2.0 * (parts - 1))));
    }

    @Test
    void tailsAreAsFrequentAsTheyShould() {
        double[] from = {3, 3.5, 3.654152885361009, 4, 4.5};
        double[] probability = {2.69979606e-3, 4.65258159e-4, 2.58032488e-4, 6.33424837e-5, 6.79534625e-6
        }; // both sides
        long[] counts = new long[from.length];
        long positive = 0;
        SplitMix64 random = new SplitMix64(44);
        for (int i = 0; i < COUNT; i++) {
            double x = random.nextGaussian();
            for (int k = 0; k < from.length; k++) {
                counts[k] += Math.abs(x) > from[k] ? 1 : 0;
            }
            positive += x > from[0] ? 1 : 0;
        }

        for (int k = 0; k < from.length; k++) {
            double expected = COUNT * probability[k];
            assertThat((double) counts[k])
                    .as("beyond %s", from[k])
                    .isCloseTo(expected, within(4 * Math.sqrt(expected)));
        }
        assertThat((double) positive).isCloseTo(counts[0] / 2.0, within(2 * Math.sqrt(counts[0])));
    }

    @Test
    void boundedNumbersAreEquallyLikelyAndInRange() {
        SplitMix64 random = new SplitMix64(45);
        int[] counts = new int[7];
        for (int i = 0; i < 70_000; i++) {
            counts[random.nextInt(7)]++;
            assertThat(random.nextDouble(-0.25, 0.5)).isBetween(-0.25, Math.nextDown(0.5));
        }
        for (int count : counts) {
            assertThat(count).isCloseTo(10_000, within(4 * 93)); // √(70,000 · 1/7 · 6/7) = 92.6
        }
        assertThat(random.nextDouble(1, Math.nextUp(1.0))).isEqualTo(1);
    }

    @Test
    void badBoundsAreRefused() {
        SplitMix64 random = new SplitMix64(1);

        assertThatThrownBy(() -> random.nextInt(0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("bound must be at least 1 but was 0");
        for (double[] bad : new double[][] {{1, 1}, {2, 1}, {Double.NaN, 1}, {0, Double.POSITIVE_INFINITY}}) {
            assertThatThrownBy(() -> random.nextDouble(bad[0], bad[1]))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(
                            "low must be less than high and both finite but they were " + bad[0] + " and " + bad[1]);
        }
    }

    private static double[] quantiles() throws Exception {
        try (Reader in = new InputStreamReader(
                Objects.requireNonNull(SplitMix64Test.class.getResourceAsStream("/golden/draws/draws.json")),
                StandardCharsets.UTF_8)) {
            return StreamSupport.stream(
                            JsonParser.parseReader(in)
                                    .getAsJsonObject()
                                    .getAsJsonArray("quantiles")
                                    .spliterator(),
                            false)
                    .mapToDouble(e -> Double.parseDouble(e.getAsString()))
                    .toArray();
        }
    }
}
