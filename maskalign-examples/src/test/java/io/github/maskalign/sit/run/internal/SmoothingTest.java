package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SmoothingTest {
    @Test
    void averageOfALineDoesNotMoveIt() {
        double[] line = IntStream.range(0, 101).mapToDouble(i -> 3 - 0.02 * i).toArray();

        double[] average = Smoothing.average(line, 7);

        for (int i = 0; i < 101 - 14; i++) { // near the end the window reaches back only
            assertThat(average[i]).isCloseTo(line[i], within(1e-12)); // double, sums of 101 values
        }
    }

    @Test
    void averageTakesNoiseAway() {
        SplittableRandom random = new SplittableRandom(7);
        double[] noise =
                IntStream.range(0, 1000).mapToDouble(i -> random.nextGaussian()).toArray();

        double[] average = Smoothing.average(noise, 50);

        for (int i = 100; i < 1000; i++) {
            assertThat(average[i]).isBetween(-0.5, 0.5); // standard deviation about 1/sqrt(75), 4 of them
        }
    }

    @Test
    void gapsStayGapsAndDoNotSpread() {
        double[] average = Smoothing.average(new double[] {2, 2, Double.NaN, Double.POSITIVE_INFINITY, 2, 2, 2}, 2);

        assertThat(average).containsExactly(2, 2, Double.NaN, Double.POSITIVE_INFINITY, 2, 2, 2);
    }

    @Test
    void reachOfZeroCopies() {
        double[] values = {1, -5, 3};

        assertThat(Smoothing.average(values, 0)).containsExactly(values).isNotSameAs(values);
    }

    @Test
    void thinningKeepsSpikes() {
        int n = 10_001;
        double[] steps = IntStream.range(0, n).mapToDouble(i -> i).toArray();
        double[] values = new double[n];
        values[1234] = 9;
        values[8765] = -9;
        values[5000] = Double.NaN;

        Curve thin = Smoothing.thin(new Curve("loss", steps, values), 200);

        assertThat(thin.values()).hasSize(200).contains(9, -9);
        assertThat(thin.steps()).isSorted().contains(1234, 8765);
    }

    @Test
    void thinningLeavesShortCurvesAlone() {
        Curve curve = new Curve("loss", new double[] {1, 2}, new double[] {3, 4});

        assertThat(Smoothing.thin(curve, 2)).isSameAs(curve);
    }
}
