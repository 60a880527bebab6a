package io.github.maskalign.core.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.github.maskalign.core.analysis.Measured.Resampling;
import io.github.maskalign.core.analysis.StabilityGap.Cosines;
import io.github.maskalign.core.random.internal.SplitMix64;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class StabilityGapTest {
    private static final Resampling FEW = new Resampling(100, 0.95, 1);

    @Test
    void whereNoTokenChangesTheGapIsTheArtefact() {
        double[] patch = {0.4, 0.5, 0.7};
        double[] cls = {0.8, 0.9, 0.85};
        Cosines cosines = new Cosines(patch, repeated(patch, 4), cls, repeated(cls, 4));

        StabilityGap found = StabilityGap.of(cosines, 256, 192, FEW);

        double weight = 1 / 193.0 - 1 / 257.0;
        assertThat(weight).isCloseTo(0.00129, within(5e-6));
        double mean = (0.4 - 0.8 + 0.5 - 0.9 + 0.7 - 0.85) / 3 * weight;
        assertThat(found.total().value()).isCloseTo(mean, within(1e-15));
        assertThat(found.artefact().value()).isCloseTo(mean, within(1e-15));
        assertThat(found.corrected().value()).isCloseTo(0, within(1e-15));
        assertThat(found.patchPart().value()).isCloseTo(0, within(1e-15));
        assertThat(found.classPart().orElseThrow().value()).isCloseTo(0, within(1e-15));
        assertThat(found.maskVariance()).isCloseTo(0, within(1e-30));
    }

    @Test
    void theGapIsTheDifferenceOfTheLosses() {
        Cosines cosines = new Cosines(
                new double[] {0.5, 0.6},
                new double[][] {{0.4, 0.3}, {0.5, 0.6}},
                new double[] {0.9, 0.8},
                new double[][] {{0.7, 0.6}, {0.8, 0.7}});

        StabilityGap found = StabilityGap.of(cosines, 4, 3, FEW);

        double first = (-(0.7 + 3 * 0.4) / 4 - (0.6 + 3 * 0.3) / 4) / 2 + (0.9 + 4 * 0.5) / 5;
        double second = (-(0.8 + 3 * 0.5) / 4 - (0.7 + 3 * 0.6) / 4) / 2 + (0.8 + 4 * 0.6) / 5;
        assertThat(found.total().value()).isCloseTo((first + second) / 2, within(1e-14));
        assertThat(found.total().error()).isCloseTo(Math.abs(first - second) / 2, within(1e-14));
        assertThat(found.patchPart().value()).isCloseTo((0.15 + 0.05) / 2, within(1e-14));
        assertThat(found.classPart().orElseThrow().value()).isCloseTo((0.25 + 0.05) / 2, within(1e-14));
        assertThat(found.corrected().value())
                .isCloseTo(found.total().value() - found.artefact().value(), within(1e-14));
    }

    @Test
    void withoutAClassTokenThereIsNoArtefact() {
        Cosines cosines =
                new Cosines(new double[] {0.5, 0.6}, new double[][] {{0.4}, {0.5}}, new double[0], new double[0][]);

        StabilityGap found = StabilityGap.of(cosines, 16, 12, FEW);

        assertThat(found.total().value()).isCloseTo(0.1, within(1e-14));
        assertThat(found.artefact().value()).isZero();
        assertThat(found.classPart()).isEmpty();
        assertThat(found.maskVariance()).isNaN();
    }

    @Test
    void lossOnlyVarianceIsThatOfAllSubsets() {
        double[] cosines = {0.1, 0.9, 0.3, 0.35, -0.2, 0.6, 0.55};
        int kept = 4;
        double mean = Arrays.stream(cosines).average().orElseThrow();
        List<Double> gaps = new ArrayList<>();
        for (int subset = 0; subset < 1 << cosines.length; subset++) {
            if (Integer.bitCount(subset) == kept) {
                double sum = 0;
                for (int i = 0; i < cosines.length; i++) {
                    sum += (subset >> i & 1) * cosines[i];
                }
                gaps.add(mean - sum / kept);
            }
        }

        double average = gaps.stream().mapToDouble(g -> g).average().orElseThrow();
        double variance = gaps.stream().mapToDouble(g -> g * g).average().orElseThrow();
        assertThat(gaps).hasSize(35);
        assertThat(average).isCloseTo(0, within(1e-15));
        assertThat(StabilityGap.lossOnlyVariance(cosines, kept)).isCloseTo(variance, within(1e-15));
        assertThat(StabilityGap.lossOnlyVariance(cosines, 7)).isZero();
    }

    /** Masks of a picture share its gap: with 4 masks each, the error is not that of 4 times as many pictures. */
    @Test
    void errorRespectsThatMasksBelongToPictures() {
        SplitMix64 random = new SplitMix64(4);
        int trials = 200;
        int held = 0;
        double between = 0;
        double within = 0;
        for (int trial = 0; trial < trials; trial++) {
            double[] full = new double[30];
            double[][] masked = new double[30][4];
            for (int i = 0; i < full.length; i++) {
                double gap = 0.1 + 0.05 * random.nextGaussian();
                full[i] = 0.5;
                Arrays.setAll(masked[i], j -> 0.5 - gap + 0.02 * random.nextGaussian());
            }
            StabilityGap found = StabilityGap.of(
                    new Cosines(full, masked, new double[0], new double[0][]), 16, 12, new Resampling(100, 0.9, trial));
            held += found.total().low() <= 0.1 && 0.1 <= found.total().high() ? 1 : 0;
            between += found.pictureVariance() / trials;
            within += found.maskVariance() / trials;
        }

        assertThat(held).isBetween(160, 195); // 180, standard deviation 4.2; 30 pictures make it a bit narrow
        assertThat(between).isCloseTo(0.0025, within(0.0002));
        assertThat(within).isCloseTo(0.0004, within(0.00002));
    }

    @Test
    void refusesWhatHasNoAnswer() {
        double[] two = {0.5, 0.6};
        double[][] masks = {{0.4, 0.3}, {0.5, 0.6}};
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Cosines(two, new double[][] {{0.4, 0.3}, {0.5}}, new double[0], new double[0][]))
                .withMessage("all pictures must have 2 masks but picture 1 has 1 patch cosines");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Cosines(two, masks, new double[] {0.5}, masks))
                .withMessageContaining("class cosines must be of the same pictures");
        Cosines cosines = new Cosines(two, masks, new double[0], new double[0][]);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> StabilityGap.of(cosines, 16, 17, FEW))
                .withMessage("kept must be in [1, 16] but was 17");
    }

    private static double[][] repeated(double[] values, int masks) {
        double[][] out = new double[values.length][masks];
        for (int i = 0; i < values.length; i++) {
            Arrays.fill(out[i], values[i]);
        }
        return out;
    }
}
