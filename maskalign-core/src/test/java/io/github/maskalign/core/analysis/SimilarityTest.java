package io.github.maskalign.core.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.github.maskalign.core.analysis.Measured.Resampling;
import io.github.maskalign.core.analysis.Similarity.Alignment;
import io.github.maskalign.core.analysis.Similarity.Neighbours;
import io.github.maskalign.core.random.internal.SplitMix64;
import org.junit.jupiter.api.Test;

class SimilarityTest {
    private static final Resampling FEW = new Resampling(50, 0.95, 3);

    @Test
    void whatIsTurnedScaledAndMovedIsTheSame() {
        float[][] a = normal(1, 40, 2);
        float[][] b = new float[40][];
        for (int i = 0; i < b.length; i++) {
            b[i] = new float[] {3 - 2 * a[i][1], 5 + 2 * a[i][0], 0};
        }

        Alignment cka = Similarity.cka(a, b, FEW);
        Neighbours near = Similarity.neighbours(a, a, 5, FEW);

        assertThat(cka.biased().value()).isCloseTo(1, within(1e-6)); // float32 inputs
        assertThat(cka.unbiased().value()).isCloseTo(1, within(1e-6));
        assertThat(near.mutual().value()).isEqualTo(1);
        assertThat(near.cknna().value()).isCloseTo(1, within(1e-12));
    }

    @Test
    void wideUnrelatedFeaturesAreAlikeForTheBiasedMeasureAlone() {
        Alignment found = Similarity.cka(normal(1, 50, 400), normal(2, 50, 400), FEW);

        assertThat(found.biased().value()).isGreaterThan(0.8);
        assertThat(found.biased().chance().orElseThrow().mean())
                .isCloseTo(found.biased().value(), within(0.02));
        assertThat(found.unbiased().value()).isCloseTo(0, within(0.1));
    }

    @Test
    void chanceOfMutualNeighboursIsTheClosedForm() {
        Neighbours found = Similarity.neighbours(normal(1, 60, 5), normal(2, 60, 5), 6, new Resampling(200, 0.95, 1));

        assertThat(found.mutual().chance().orElseThrow().mean()).isCloseTo(6 / 59.0, within(0.003));
    }

    /** 200 p-values: 20 at most 0.1, standard deviation 4.2. */
    @Test
    void unrelatedFeaturesAreCalledAlikeAsOftenAsChanceSays() {
        int[] alarms = new int[4];
        for (int trial = 0; trial < 200; trial++) {
            float[][] a = normal(2 * trial, 30, 4);
            float[][] b = normal(2 * trial + 1, 30, 4);
            Resampling resampling = new Resampling(39, 0.9, trial);
            Alignment cka = Similarity.cka(a, b, resampling);
            Neighbours near = Similarity.neighbours(a, b, 5, resampling);
            Measured[] measures = {cka.biased(), cka.unbiased(), near.mutual(), near.cknna()};
            for (int s = 0; s < measures.length; s++) {
                alarms[s] += measures[s].chance().orElseThrow().pValue() <= 0.1 ? 1 : 0;
            }
        }

        for (int s = 0; s < alarms.length; s++) {
            assertThat(alarms[s]).as("measure %d", s).isBetween(4, 41);
        }
    }

    @Test
    void plantedAlikenessIsFound() {
        float[][] a = normal(1, 80, 6);
        float[][] b = mixed(a, normal(2, 80, 6), 0.5);

        Alignment cka = Similarity.cka(a, b, FEW);
        Neighbours near = Similarity.neighbours(a, b, 8, FEW);

        for (Measured found : new Measured[] {cka.biased(), cka.unbiased(), near.mutual(), near.cknna()}) {
            assertThat(found.chance().orElseThrow().pValue()).isEqualTo(1 / 51.0);
            assertThat(found.value()).isBetween(found.low(), found.high());
            assertThat(found.low()).isGreaterThan(found.chance().orElseThrow().mean());
        }
    }

    /**
     * Of normal features a and a + noise, CKA of infinitely many rows is ‖Σ_ab‖² / (‖Σ_aa‖ ‖Σ_bb‖) = 4 / (2 · 4). Of 150 intervals
     * of 90 %, 135 hold it; standard deviation 3.7.
     */
    @Test
    void intervalsOfHalvesHoldTheTruth() {
        int held = 0;
        double mean = 0;
        for (int trial = 0; trial < 150; trial++) {
            float[][] a = normal(100 + 2 * trial, 60, 4);
            float[][] b = mixed(a, normal(101 + 2 * trial, 60, 4), 1);
            Measured found =
                    Similarity.cka(a, b, new Resampling(100, 0.9, trial)).unbiased();
            held += found.low() <= 0.5 && 0.5 <= found.high() ? 1 : 0;
            mean += found.value() / 150;
        }

        assertThat(held).isBetween(117, 150);
        assertThat(mean).isCloseTo(0.5, within(0.02));
    }

    @Test
    void sumsWithoutCopiesEqualSumsOverTheChosenRows() {
        float[][] a = normal(1, 20, 3);
        float[][] b = mixed(a, normal(2, 20, 3), 1);
        int[] rows = {3, 7, 1, 19, 4, 8, 11, 0, 16, 5};
        float[][] partA = new float[rows.length][];
        float[][] partB = new float[rows.length][];
        for (int i = 0; i < rows.length; i++) {
            partA[i] = a[rows[i]];
            partB[i] = b[rows[i]];
        }
        int[] all = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

        double[] part = Gram.hsic(Gram.ofCentred(a), Gram.ofCentred(b), rows, rows);

        double[] whole = Gram.hsic(Gram.ofCentred(partA), Gram.ofCentred(partB), all, all);
        assertThat(part).containsExactly(whole, within(1e-9));
    }

    @Test
    void refusesWhatHasNoAnswer() {
        float[][] a = normal(1, 10, 3);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Similarity.cka(a, normal(2, 9, 3), FEW))
                .withMessageContaining("equally many rows, at least 8, but they have 10 and 9");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Similarity.cka(a, new float[10][3], FEW))
                .withMessage("all rows of b are equal: they are alike to nothing");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Similarity.neighbours(a, new float[10][3], 3, FEW))
                .withMessage("row 0 of b is zero and has no direction");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Similarity.neighbours(a, a, 5, FEW))
                .withMessageContaining("k must be at least 2 and less than half of the 10 rows but was 5");
        float[][] broken = normal(1, 10, 3);
        broken[4][1] = Float.POSITIVE_INFINITY;
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Similarity.cka(a, broken, FEW))
                .withMessage("row 4 of b must be finite but has Infinity");
    }

    static float[][] normal(long seed, int rows, int width) {
        SplitMix64 random = new SplitMix64(SplitMix64.mix(seed + 5));
        float[][] out = new float[rows][width];
        for (float[] row : out) {
            for (int c = 0; c < width; c++) {
                row[c] = (float) random.nextGaussian();
            }
        }
        return out;
    }

    private static float[][] mixed(float[][] a, float[][] noise, double weight) {
        float[][] out = new float[a.length][a[0].length];
        for (int i = 0; i < out.length; i++) {
            for (int c = 0; c < out[i].length; c++) {
                out[i][c] = (float) (a[i][c] + weight * noise[i][c]);
            }
        }
        return out;
    }
}
