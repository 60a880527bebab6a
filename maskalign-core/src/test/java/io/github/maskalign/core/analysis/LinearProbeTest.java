package io.github.maskalign.core.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.github.maskalign.core.analysis.LinearProbe.Settings;
import io.github.maskalign.core.analysis.Measured.Resampling;
import io.github.maskalign.core.random.internal.SplitMix64;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class LinearProbeTest {
    private static final Resampling FEW = new Resampling(100, 0.95, 2);

    @Test
    void separableClassesAreReadWithoutFault() {
        float[][] features = SimilarityTest.normal(1, 200, 5);
        int[] labels = new int[200];
        for (int i = 0; i < labels.length; i++) {
            labels[i] = 10 * (i % 3);
            features[i][0] += 1000 + 20 * (i % 3); // far from 0: the sums must not cancel
            features[i][1] += i % 3 == 1 ? 30 : 0;
        }

        LinearProbe found = LinearProbe.fit(features, labels, Settings.DEFAULT, FEW);

        assertThat(found.accuracy().value()).isEqualTo(1);
        assertThat(found.accuracy().low()).isBetween(0.9, 0.95); // Wilson's for 40 of 40: 0.912
        assertThat(found.accuracy().chance().orElseThrow().pValue()).isLessThan(1e-9);
        assertThat(found.trainingRows()).isEqualTo(160);
        assertThat(found.testRows()).isEqualTo(40);
    }

    /** Two overlapping normal classes: no classifier exceeds Φ(1) = 0.841, and 4000 rows come within 3 deviations of it. */
    @Test
    void overlappingClassesAreReadAsWellAsIsPossible() {
        float[][] features = SimilarityTest.normal(3, 4000, 8);
        int[] labels = new int[4000];
        for (int i = 0; i < labels.length; i++) {
            labels[i] = i % 2;
            features[i][2] += 2 * (i % 2);
        }

        LinearProbe found = LinearProbe.fit(features, labels, Settings.DEFAULT, FEW);

        assertThat(found.accuracy().value()).isCloseTo(0.8413, within(0.04));
        assertThat(found.accuracy().low()).isLessThan(0.8413);
        assertThat(found.accuracy().high()).isGreaterThan(0.8);
    }

    /** 200 p-values of labels that are not in the features; binomial tails are cautious. */
    @Test
    void unrelatedLabelsAreReadAsOftenAsChanceSays() {
        int alarms = 0;
        for (int trial = 0; trial < 200; trial++) {
            float[][] features = SimilarityTest.normal(trial, 100, 4);
            SplitMix64 random = new SplitMix64(SplitMix64.mix(trial));
            int[] labels = new int[100];
            Arrays.setAll(labels, i -> random.nextInt(2));
            LinearProbe found = LinearProbe.fit(features, labels, Settings.DEFAULT, new Resampling(20, 0.95, trial));
            alarms += found.accuracy().chance().orElseThrow().pValue() <= 0.1 ? 1 : 0;
        }

        assertThat(alarms).isBetween(1, 41);
    }

    /** Wide features tell the twins of a training row; a split between twins would read random labels almost always. */
    @Test
    void rowsOfAGroupStayTogether() {
        float[][] single = SimilarityTest.normal(5, 100, 150);
        SplitMix64 random = new SplitMix64(8);
        float[][] features = new float[200][];
        int[] labels = new int[200];
        int[] groups = new int[200];
        for (int g = 0; g < 100; g++) {
            int label = random.nextInt(2);
            for (int i = 2 * g; i < 2 * g + 2; i++) {
                features[i] = single[g];
                labels[i] = label;
                groups[i] = 7 * g;
            }
        }
        Settings settings = new Settings(List.of(1e-3), 5, 0.2);

        LinearProbe together = LinearProbe.fit(features, labels, groups, settings, FEW);
        LinearProbe apart = LinearProbe.fit(features, labels, settings, FEW);

        assertThat(together.accuracy().value()).isBetween(0.2, 0.8);
        assertThat(together.testRows()).isEqualTo(40);
        assertThat(apart.accuracy().value()).isGreaterThan(0.8);
        // 20 groups of twins: as wide as of 20 rows, not of 40
        double width = together.accuracy().high() - together.accuracy().low();
        assertThat(width).isCloseTo(2 * 1.96 * Math.sqrt(0.25 / 20), within(0.15));
    }

    @Test
    void regularisationIsWhatTheFoldsPrefer() {
        float[][] features = SimilarityTest.normal(9, 60, 50); // almost as wide as there are rows
        int[] labels = new int[60];
        for (int i = 0; i < labels.length; i++) {
            labels[i] = i % 2;
            for (int c = 0; c < 50; c++) {
                features[i][c] += 0.4f * (i % 2);
            }
        }
        Settings settings = new Settings(List.of(1e-6, 10.0), 4, 0.2);

        LinearProbe found = LinearProbe.fit(features, labels, settings, FEW);

        assertThat(found.regularisation()).isEqualTo(10);
        assertThat(found.foldAccuracy()).hasSize(2);
        assertThat(found.foldAccuracy().get(1))
                .isGreaterThan(found.foldAccuracy().get(0));
        assertThat(LinearProbe.fit(features, labels, settings, FEW)).isEqualTo(found);
    }

    @Test
    void refusesWhatHasNoAnswer() {
        float[][] features = SimilarityTest.normal(1, 10, 2);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> LinearProbe.fit(features, new int[10], Settings.DEFAULT, FEW))
                .withMessageContaining("there are 1 classes, 10 groups and 2 held out");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> LinearProbe.fit(features, new int[9], Settings.DEFAULT, FEW))
                .withMessageContaining("10 rows, 9 labels");
        assertThatIllegalArgumentException().isThrownBy(() -> new Settings(List.of(0.0), 5, 0.2));
        assertThatIllegalArgumentException().isThrownBy(() -> new Settings(List.of(), 5, 0.2));
        assertThatIllegalArgumentException().isThrownBy(() -> new Settings(List.of(1.0), 1, 0.2));
    }
}
