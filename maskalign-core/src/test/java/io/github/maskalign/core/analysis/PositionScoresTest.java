package io.github.maskalign.core.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import io.github.maskalign.core.analysis.Measured.Chance;
import io.github.maskalign.core.analysis.Measured.Resampling;
import io.github.maskalign.core.analysis.PositionScores.Mirror;
import io.github.maskalign.core.analysis.PositionScores.PositionMap;
import io.github.maskalign.core.analysis.PositionScores.Preference;
import io.github.maskalign.core.analysis.PositionScores.Relation;
import io.github.maskalign.core.analysis.PositionScores.Reliability;
import io.github.maskalign.core.random.internal.SplitMix64;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PositionScoresTest {
    private static final Resampling FEW = new Resampling(50, 0.95, 3);

    /**
     * What NumPy's generator and counts give for uniform sets of 26 out of 256. Means of 200 draws here and there; errors are
     * four standard errors of both.
     */
    @ParameterizedTest
    @CsvSource({"200, 3.60, 0.28", "500, 2.166, 0.06", "1000, 1.716, 0.035", "5000, 1.271, 0.02"})
    void spreadOfUniformSetsIsThatOfAnotherSimulation(int pictures, double spread, double error) {
        PositionScores scores = PositionScores.full(noise(1, pictures, 256), 16, 16, 0.1);

        Chance chance =
                scores.preference(new Resampling(200, 0.9, 3)).spread().chance().orElseThrow();

        assertThat(scores.topSizes()).containsOnly(26);
        assertThat(chance.mean()).isCloseTo(spread, within(error));
        if (pictures == 1000) {
            assertThat(chance.high()).isCloseTo(1.865, within(0.05)); // 95 %
        }
    }

    @Test
    void otherChancesAreTheClosedForms() {
        Preference found = PositionScores.full(noise(2, 1000, 256), 16, 16, 0.1).preference(Resampling.of(1));

        Chance uniformity = found.uniformity().chance().orElseThrow();
        // mean and deviation of chi squared with 255 degrees; 1000 draws: 0.7 and 0.5
        assertThat(uniformity.mean()).isCloseTo(255, within(3.0));
        assertThat(uniformity.deviation()).isCloseTo(Math.sqrt(2 * 255), within(2.0));
        assertThat(found.entropy().chance().orElseThrow().mean()).isCloseTo(0.9992, within(5e-5));
        Chance moran = found.moran().chance().orElseThrow();
        // Cliff and Ord 1981 under permutation; normal values: (N² S1 − N S2 + 3 W²) / ((N² − 1) W²) − 1/(N−1)²
        assertThat(moran.mean()).isCloseTo(-1 / 255.0, within(0.006));
        assertThat(moran.deviation()).isCloseTo(0.0455, within(0.004));
        assertThat(found.rings()).hasSize(8);
        for (Measured ring : found.rings()) {
            assertThat(ring.chance().orElseThrow().mean()).isCloseTo(26 / 256.0, within(1e-3));
        }
    }

    @Test
    void ringsHaveThePublishedCells() {
        Grid grid = new Grid(16, 16);
        int[] cells = new int[grid.rings()];
        for (int i = 0; i < 256; i++) {
            cells[grid.ring(i)]++;
        }

        assertThat(cells).containsExactly(60, 52, 44, 36, 28, 20, 12, 4);
    }

    /** 300 p-values of 8 measures: 30 are below 0.1, standard deviation 5.2. Entropy is discrete, so fewer may be. */
    @ParameterizedTest
    @CsvSource({"false", "true"})
    void uniformScoresAreFoundPreferredAsOftenAsChanceSays(boolean masked) {
        int trials = 300;
        int[] alarms = new int[8];
        for (int trial = 0; trial < trials; trial++) {
            double[][] noise = noise(100 + trial, 30, 36);
            PositionScores scores = masked
                    ? PositionScores.masked(noise, masks(trial, 30, 36, 27), 6, 6, 0.2)
                    : PositionScores.full(noise, 6, 6, 0.2);
            Resampling resampling = new Resampling(59, 0.9, trial);
            Preference found = scores.preference(resampling);
            double[] p = {
                p(found.spread()),
                p(found.uniformity()),
                found.chiSquared(),
                p(found.entropy()),
                p(found.totalVariation()),
                p(found.moran()),
                p(found.rings().get(1)),
                p(scores.positionShare(resampling))
            };
            for (int s = 0; s < p.length; s++) {
                alarms[s] += p[s] <= 0.1 ? 1 : 0;
            }
        }

        for (int s = 0; s < alarms.length; s++) {
            assertThat(alarms[s]).as("measure %d", s).isBetween(10, 52);
        }
    }

    @Test
    void kendallOfUniformScoresIsChance() {
        int alarms = 0;
        for (int trial = 0; trial < 300; trial++) {
            Measured found =
                    PositionScores.full(noise(trial, 20, 36), 6, 6, 0.2).kendall(new Resampling(20, 0.95, 0));
            alarms += p(found) <= 0.1 ? 1 : 0;
        }

        assertThat(alarms).isBetween(8, 52); // chi squared is a bit cautious with 20 pictures
    }

    @Test
    void plantedPreferenceIsFoundByEveryMeasure() {
        PositionScores scores = PositionScores.full(planted(4, 300, i -> centre(i)), 16, 16, 0.1);

        Preference found = scores.preference(new Resampling(200, 0.95, 5));

        for (Measured measure :
                List.of(found.spread(), found.uniformity(), found.entropy(), found.totalVariation(), found.moran())) {
            assertThat(p(measure)).isEqualTo(1 / 201.0);
            assertThat(measure.low()).isLessThan(measure.high());
        }
        assertThat(found.chiSquared()).isLessThan(1e-9);
        assertThat(found.entropy().high()).isLessThan(1);
        assertThat(p(found.rings().get(7))).isEqualTo(1 / 201.0);
        assertThat(found.rings().get(7).value())
                .isGreaterThan(2 * found.rings().get(0).value());
        assertThat(p(scores.kendall(FEW))).isLessThan(1e-9);
        assertThat(p(scores.positionShare(FEW))).isEqualTo(1 / 51.0);
    }

    /** The intervals hold what ten times as many pictures say, where percentile intervals would lie above it. */
    @Test
    void intervalsTakeOffWhatAFiniteSampleAdds() {
        double[][] many = planted(9, 20_000, 36, i -> i % 6 / 8.0);
        double truth = PositionScores.full(many, 6, 6, 0.2)
                .preference(new Resampling(20, 0.9, 0))
                .totalVariation()
                .value();
        int held = 0;
        int belowAll = 0;
        for (int trial = 0; trial < 100; trial++) {
            double[][] part = Arrays.copyOfRange(many, trial * 200, trial * 200 + 200);
            Measured found = PositionScores.full(part, 6, 6, 0.2)
                    .preference(new Resampling(100, 0.9, trial))
                    .totalVariation();
            held += found.low() <= truth && truth <= found.high() ? 1 : 0;
            belowAll += found.value() > found.high() ? 1 : 0;
        }

        assertThat(held).isBetween(75, 99);
        assertThat(belowAll).isLessThan(50);
    }

    @Test
    void positionsAreRankedAmongThoseSeenAndDividedByHowOftenTheyAre() {
        double[][] scores = {{9, 8, 7, 6}, {1, 2, 3, 4}, {5, 1, Double.NaN, 2}};
        boolean[][] visible = {{false, true, true, false}, {true, true, true, true}, {true, true, false, true}};

        PositionScores found = PositionScores.masked(scores, visible, 2, 2, 0.4);

        assertThat(found.topSizes()).containsExactly(1, 2, 1);
        assertThat(found.seen()).containsExactly(2, 3, 2, 2);
        assertThat(found.counts()).containsExactly(1, 1, 1, 1);
        assertThat(found.map().values()).containsExactly(0.5, 1 / 3.0, 0.5, 0.5);
    }

    @Test
    void equalScoresPreferNoPosition() {
        double[][] equal = new double[2000][64];

        Preference found = PositionScores.full(equal, 8, 8, 0.1).preference(new Resampling(100, 0.95, 0));

        assertThat(found.chiSquared()).isBetween(0.001, 0.999);
    }

    @Test
    void mapsOfOnePreferenceAreRelatedAndOfDifferentOnesNot() {
        PositionScores a = PositionScores.full(planted(1, 400, i -> hash(i, 1)), 16, 16, 0.1);
        PositionScores same = PositionScores.full(planted(2, 300, i -> hash(i, 1)), 16, 16, 0.1);
        PositionScores other = PositionScores.full(planted(3, 400, i -> hash(i, 2)), 16, 16, 0.1);

        Relation related = a.relation(same, false, true, FEW);
        Relation unrelated = a.relation(other, true, false, FEW);
        Relation itself = a.relation(a, true, false, FEW);

        assertThat(related.spearman().value()).isGreaterThan(0.5);
        assertThat(p(related.spearman())).isEqualTo(1 / 2048.0);
        assertThat(p(related.overlap())).isLessThan(1e-6);
        assertThat(p(unrelated.spearman())).isGreaterThan(0.01);
        assertThat(p(unrelated.overlap())).isGreaterThan(0.001);
        assertThat(itself.spearman().value()).isCloseTo(1, within(1e-12));
        assertThat(p(itself.spearman())).isEqualTo(1 / 256.0);
        assertThat(related.jaccard().value())
                .isCloseTo(related.overlap().value() / (2 - related.overlap().value()), within(1e-12));
    }

    /** Smooth maps: free permutation would call nearly half of unrelated pairs related. */
    @Test
    void shiftsAreTheChanceOfSmoothMaps() {
        int alarms = 0;
        int trials = 200;
        for (int trial = 0; trial < trials; trial++) {
            alarms += p(smooth(2 * trial).spearman(smooth(2 * trial + 1), false)) <= 0.1 ? 1 : 0;
        }

        assertThat(alarms).isBetween(6, 40); // 20, standard deviation 4.2
    }

    @Test
    void halvesTellHowReliableAMapIs() {
        Reliability noise = PositionScores.full(noise(7, 200, 64), 8, 8, 0.1).splitHalf(FEW);
        Reliability planted = PositionScores.full(planted(7, 2000, 64, i -> hash(i, 3)), 8, 8, 0.1)
                .splitHalf(FEW);

        assertThat(noise.half().value()).isCloseTo(0, within(0.2));
        assertThat(planted.half().value()).isGreaterThan(0.9);
        assertThat(p(planted.half())).isLessThan(0.05);
        double rho = planted.half().value();
        assertThat(planted.whole().value()).isCloseTo(2 * rho / (1 + rho), within(0.01));
    }

    @Test
    void theMirrorTellsContentFromPlace() {
        IntToDoubleFunction left = i -> i % 16 / 4.0;
        double[][] scores = planted(11, 300, left);
        double[][] mirrored = new double[scores.length][];
        Grid grid = new Grid(16, 16);
        Arrays.setAll(mirrored, m -> grid.mirrored(scores[m]));
        double[][] again = planted(12, 300, left);
        PositionScores map = PositionScores.full(scores, 16, 16, 0.1);

        Mirror content = map.mirror(PositionScores.full(mirrored, 16, 16, 0.1), false, FEW);
        Mirror place = map.mirror(PositionScores.full(again, 16, 16, 0.1), false, FEW);

        assertThat(content.mirrored().value()).isGreaterThan(0.99);
        assertThat(content.unmirrored().value()).isLessThan(-0.5);
        assertThat(place.mirrored().value()).isLessThan(-0.5);
        assertThat(place.unmirrored().value()).isGreaterThan(0.5);
    }

    @Test
    void imagesAreTheEightOfASquare() {
        Grid grid = new Grid(3, 3);
        double[] map = {0, 1, 2, 3, 4, 5, 6, 7, 8};
        List<List<Double>> images = new ArrayList<>();
        for (int image = 0; image < grid.images(); image++) {
            images.add(Arrays.stream(grid.image(map, image)).boxed().toList());
        }

        assertThat(images).doesNotHaveDuplicates().hasSize(8);
        assertThat(images.get(1)).startsWith(2.0, 1.0, 0.0);
        assertThat(grid.shifted(map, 1, 2)).containsExactly(7, 8, 6, 1, 2, 0, 4, 5, 3);
        assertThat(new Grid(2, 3).images()).isEqualTo(4);
    }

    @Test
    void constantMapsHaveNoCorrelation() {
        Measured found =
                new PositionMap(2, 2, new double[4]).spearman(new PositionMap(2, 2, new double[] {1, 2, 3, 4}), true);

        assertThat(found.value()).isNaN();
        assertThat(p(found)).isEqualTo(1);
    }

    @Test
    void refusesWhatHasNoAnswer() {
        double[][] scores = noise(1, 3, 16);
        scores[1][5] = Double.NaN;
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PositionScores.full(scores, 4, 4, 0.1))
                .withMessage("score of picture 1 at position 5 must be finite but was NaN");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PositionScores.full(noise(1, 3, 15), 4, 4, 0.1))
                .withMessage("scores of picture 0 must have 4 x 4 = 16 positions but has 15");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PositionScores.full(noise(1, 3, 16), 4, 4, 0.02))
                .withMessageContaining("must be at least one and not all, but is 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PositionScores.masked(noise(1, 2, 16), masks(0, 2, 16, 4), 4, 4, 0.5))
                .withMessageContaining("is seen in none of the 2 pictures");
        PositionScores masked = PositionScores.masked(noise(1, 30, 16), masks(0, 30, 16, 12), 4, 4, 0.1);
        assertThatIllegalStateException().isThrownBy(() -> masked.kendall(FEW));
        PositionScores negative = PositionScores.full(new double[][] {{1, 2, 3, 0}, {1, 2, 3, 4}}, 2, 2, 0.5);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> negative.positionShare(FEW))
                .withMessageContaining("at position 3 must be above 0 but was 0.0");
    }

    private static double p(Measured measured) {
        return measured.chance().orElseThrow().pValue();
    }

    private static double[][] noise(long seed, int pictures, int positions) {
        return planted(seed, pictures, positions, i -> 0);
    }

    private static double[][] planted(long seed, int pictures, IntToDoubleFunction preference) {
        return planted(seed, pictures, 256, preference);
    }

    /** exp of noise and a preference, each picture on a scale of its own. */
    private static double[][] planted(long seed, int pictures, int positions, IntToDoubleFunction preference) {
        SplitMix64 random = new SplitMix64(SplitMix64.mix(seed + 77));
        double[][] scores = new double[pictures][positions];
        for (double[] row : scores) {
            double scale = random.nextGaussian();
            Arrays.setAll(row, i -> Math.exp(scale + random.nextGaussian() + preference.applyAsDouble(i)));
        }
        return scores;
    }

    private static boolean[][] masks(long seed, int pictures, int positions, int kept) {
        SplitMix64 random = new SplitMix64(SplitMix64.mix(seed + 99));
        boolean[][] masks = new boolean[pictures][positions];
        for (boolean[] mask : masks) {
            for (int i : Arrays.copyOf(Resampled.permutation(random, positions), kept)) {
                mask[i] = true;
            }
        }
        return masks;
    }

    private static double centre(int position) {
        return new Grid(16, 16).ring(position) / 5.0;
    }

    private static double hash(int position, int salt) {
        return new SplitMix64(SplitMix64.mix(1000L * salt + position)).nextGaussian();
    }

    private static PositionMap smooth(int seed) {
        SplitMix64 random = new SplitMix64(SplitMix64.mix(seed));
        Grid grid = new Grid(16, 16);
        double[] noise = new double[256];
        Arrays.setAll(noise, i -> random.nextGaussian());
        double[] sum = new double[256];
        for (int down = 0; down < 5; down++) {
            for (int right = 0; right < 5; right++) {
                double[] moved = grid.shifted(noise, down, right);
                Arrays.setAll(sum, i -> sum[i] + moved[i]);
            }
        }
        return new PositionMap(16, 16, sum);
    }
}
