package io.github.maskalign.core.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.github.maskalign.core.analysis.Measured.Resampling;
import io.github.maskalign.core.random.internal.SplitMix64;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class MeasuredTest {
    private static final int TRIALS = 400;

    /** Of 400 intervals of 90 %, 360 hold the truth; 5 standard deviations are 30. The bootstrap of 40 values is a bit narrow. */
    @Test
    void intervalOfTheMeanHoldsTheTruthAsOftenAsItSays() {
        int held = 0;
        for (int trial = 0; trial < TRIALS; trial++) {
            Measured found = Measured.mean(normal(trial, 40, 3), new Resampling(200, 0.9, trial));
            held += found.low() <= 3 && 3 <= found.high() ? 1 : 0;
        }

        assertThat(held).isBetween(325, 385);
    }

    @Test
    void errorOfTheMeanIsItsClosedFormAndTheBootstrapAgrees() {
        double[] values = normal(5, 400, 0);

        Measured found = Measured.mean(values, Resampling.of(1));

        assertThat(found.error()).isCloseTo(Math.sqrt(Resampled.variance(values) / 400), within(1e-15));
        // ± 1.96 standard errors, of 1000 draws: 5 %
        assertThat(found.high() - found.low()).isCloseTo(2 * 1.96 * found.error(), within(0.1 * found.error() * 3.92));
        assertThat(found.value()).isBetween(found.low(), found.high());
    }

    @Test
    void pairedIntervalHoldsTheTruthWithThreeSeeds() {
        int held = 0;
        int alarms = 0;
        for (int trial = 0; trial < TRIALS; trial++) {
            Measured found = Measured.paired(normal(2 * trial, 3, 1), normal(2 * trial + 1, 3, 1), 0.9);
            held += found.low() <= 0 && 0 <= found.high() ? 1 : 0;
            alarms += found.chance().orElseThrow().pValue() < 0.1 ? 1 : 0;
        }

        assertThat(held).isBetween(330, 390); // exact: 360, standard deviation 6
        assertThat(alarms).isEqualTo(TRIALS - held);
    }

    @Test
    void seedsNeededAreThoseOfPublishedTables() {
        // Cohen 1988's d = 0.5 and 1 at alpha 0.05 and power 0.8: 34 and 10 pairs
        assertThat(Measured.seedsNeeded(0.5, 1, 0.05, 0.8)).isEqualTo(34);
        assertThat(Measured.seedsNeeded(-2, 2, 0.05, 0.8)).isEqualTo(10);
        assertThat(Measured.power(9, 1, 1, 0.05)).isLessThan(0.8);
        assertThat(Measured.power(10, 1, 1, 0.05)).isGreaterThan(0.8);
    }

    @Test
    void whatIsDetectableIsFoundWithThePowerAskedFor() {
        for (int seeds : new int[] {2, 3, 5, 34}) {
            double effect = Measured.detectable(seeds, 0.7, 0.05, 0.8);
            assertThat(Measured.power(seeds, effect, 0.7, 0.05)).isCloseTo(0.8, within(1e-7));
            assertThat(Measured.detectable(seeds, 1.4, 0.05, 0.8)).isCloseTo(2 * effect, within(1e-7));
        }
        // Cohen 1988: 34 pairs see d = 0.5
        assertThat(Measured.detectable(34, 1, 0.05, 0.8)).isBetween(0.49, 0.5);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Measured.detectable(3, 1, 0.05, 0.04))
                .withMessageContaining("power must be above alpha, 0.05, but was 0.04");
    }

    @Test
    void powerWithoutAnEffectIsTheRateOfFalseAlarms() {
        for (int seeds : new int[] {2, 3, 10, 1000}) {
            assertThat(Measured.power(seeds, 0, 1, 0.05)).isCloseTo(0.05, within(1e-9));
        }
    }

    @Test
    void drawsDependOnSeedPurposeAndNumberAlone() {
        double[] values = normal(1, 30, 0);

        assertThat(Measured.mean(values, Resampling.of(7))).isEqualTo(Measured.mean(values, Resampling.of(7)));
        assertThat(Measured.mean(values, Resampling.of(7))).isNotEqualTo(Measured.mean(values, Resampling.of(8)));
        Resampling resampling = Resampling.of(7);
        long[] first = {
            resampling.at("a", 0).nextLong(),
            resampling.at("a", 1).nextLong(),
            resampling.at("b", 0).nextLong()
        };
        assertThat(Arrays.stream(first).distinct().count()).isEqualTo(3);
    }

    @Test
    void theBasicIntervalTurnsTheResamplesAround() {
        double[] replicates = new double[101];
        Arrays.setAll(replicates, i -> 10 + i / 100.0); // a bias of up to 1 above the value of 10

        Measured found = Resampled.basic(10, replicates, 0.9, 0, 100);

        assertThat(found.low()).isCloseTo(10 - 0.95, within(1e-12));
        assertThat(found.high()).isCloseTo(10 - 0.05, within(1e-12));
        assertThat(Resampled.basic(10, replicates, 0.9, 9.5, 9.8).low()).isEqualTo(9.5);
        assertThat(Resampled.basic(10, replicates, 0.9, 9.5, 9.8).high()).isEqualTo(9.8);
    }

    @Test
    void refusesWhatHasNoAnswer() {
        Resampling few = new Resampling(20, 0.95, 0);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Measured.mean(new double[] {1, Double.NaN}, few))
                .withMessage("values[1] must be finite but was NaN");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Measured.paired(new double[2], new double[2], 0.95))
                .withMessage("a must be at least 3 numbers but are 2");
        assertThatIllegalArgumentException().isThrownBy(() -> Measured.paired(new double[3], new double[4], 0.95));
        assertThatIllegalArgumentException().isThrownBy(() -> Measured.proportion(3, 2, 0.95));
        assertThatIllegalArgumentException().isThrownBy(() -> new Resampling(19, 0.95, 0));
        assertThatIllegalArgumentException().isThrownBy(() -> new Resampling(20, 1, 0));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Measured.seedsNeeded(0, 1, 0.05, 0.8))
                .withMessageContaining("needs more than 1000000 pairs");
    }

    static double[] normal(long seed, int n, double mean) {
        SplitMix64 random = new SplitMix64(SplitMix64.mix(seed + 1));
        double[] values = new double[n];
        Arrays.setAll(values, i -> mean + random.nextGaussian());
        return values;
    }
}
