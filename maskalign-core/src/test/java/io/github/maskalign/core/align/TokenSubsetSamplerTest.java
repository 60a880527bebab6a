package io.github.maskalign.core.align;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.github.maskalign.core.align.SubsetConfig.Order;
import io.github.maskalign.core.align.SubsetConfig.Rounding;
import io.github.maskalign.core.align.SubsetConfig.Scope;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.SubsetConfig.SubsetSchedule;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.Draws.RandomStream;
import io.github.maskalign.core.random.internal.SplitMix64;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TokenSubsetSamplerTest {
    private static final Draws DRAWS = new Draws(7011);
    private static final SubsetConfig PAPER = SubsetConfig.defaults();

    @Test
    void paperKeeps192Of256SortedTokens() {
        TokenSubset subset = draw(PAPER, 0, 3, 256);

        assertThat(subset.kept()).isEqualTo(192);
        assertThat(subset.rows()).isEqualTo(3);
        for (int n = 0; n < 3; n++) {
            assertThat(subset.row(n)).isSorted();
        }
        assertThat(subset.row(0)).isNotEqualTo(subset.row(1));
    }

    @Test
    void splittingABatchChangesNothing() {
        TokenSubset whole = draw(PAPER, 40, 7, 49);
        TokenSubset head = draw(PAPER, 40, 3, 49);
        TokenSubset tail = draw(PAPER, 43, 4, 49);

        for (int n = 0; n < 7; n++) {
            assertThat(n < 3 ? head.row(n) : tail.row(n - 3)).isEqualTo(whole.row(n));
        }
    }

    @Test
    void aWindowOfFourKeepsOneAndEachAlikeOften() {
        SubsetConfig windows = PAPER.withPattern(SubsetConfig.Pattern.STRUCTURED_2X2);
        int[] places = new int[4];
        int rows = 2000;
        TokenSubset subset = draw(windows, 7, rows, 16);

        assertThat(subset.kept()).isEqualTo(4);
        for (int n = 0; n < rows; n++) {
            boolean[] seen = new boolean[4];
            for (long token : subset.row(n)) {
                int row = (int) token / 4;
                int column = (int) token % 4;
                assertThat(seen[row / 2 * 2 + column / 2]).isFalse();
                seen[row / 2 * 2 + column / 2] = true;
                places[row % 2 * 2 + column % 2]++;
            }
            assertThat(subset.row(n)).isSorted();
        }
        for (int count : places) {
            assertThat(count).isBetween(1850, 2150); // 8000 draws of probability 1/4: 2000 ± 39
        }
        assertThat(draw(windows, 9, 1, 16).row(0)).isEqualTo(subset.row(2));
        assertThat(new TokenSubsetSampler(windows.withUnmaskedTailSteps(3), DRAWS, 10).draw(7, 0, 1, 16))
                .isEmpty();
    }

    @Test
    void aTailMayBeAShareOfTheRun() {
        SubsetConfig share = PAPER.withUnmaskedTailShare(1 / 11.0);

        TokenSubsetSampler sampler = new TokenSubsetSampler(share, DRAWS, 25);
        assertThat(share.dropping().tail(25)).isEqualTo(2);
        assertThat(sampler.ratio(22)).isEqualTo(0.25);
        assertThat(sampler.ratio(23)).isZero();
        assertThat(new TokenSubsetSampler(share, DRAWS, 2).ratio(1)).isEqualTo(0.25); // too short for a tail
        assertThat(share.dropping().hasTail()).isTrue();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PAPER.withUnmaskedTailShare(1))
                .withMessage("unmaskedTailShare must be in [0, 1) but was 1.0");
    }

    /** A run draws these for ever. */
    @Test
    void windowsAreThoseOfTheStream() {
        SubsetConfig windows = PAPER.withPattern(SubsetConfig.Pattern.STRUCTURED_2X2)
                .withDrawing(Scope.PER_SAMPLE, Rounding.MAE, Order.SHUFFLED);

        for (long position : new long[] {0, 5, 1L << 40}) {
            SplitMix64 random = DRAWS.at(RandomStream.SUBSET, position);
            long[] row = new long[4];
            for (int w = 0; w < 4; w++) {
                int place = (int) (random.nextLong() >>> 62); // two top bits: row and column inside the window
                row[w] = (w / 2 * 2 + place / 2) * 4L + w % 2 * 2 + place % 2;
            }
            assertThat(draw(windows, position, 1, 16).row(0)).isEqualTo(row);
        }
    }

    @Test
    void shuffledOrderKeepsTheSameTokens() {
        SubsetConfig shuffled = PAPER.withDrawing(Scope.PER_SAMPLE, Rounding.MAE, Order.SHUFFLED);

        long[] drawn = draw(shuffled, 5, 1, 49).row(0);
        long[] sorted = drawn.clone();
        Arrays.sort(sorted);

        assertThat(drawn).isNotEqualTo(sorted);
        assertThat(sorted).isEqualTo(draw(PAPER, 5, 1, 49).row(0));
    }

    @Test
    void batchScopeSharesOneSubsetPerStep() {
        SubsetConfig shared = PAPER.withDrawing(Scope.PER_BATCH, Rounding.MAE, Order.SORTED);
        TokenSubsetSampler sampler = new TokenSubsetSampler(shared, DRAWS, 100);

        TokenSubset a = sampler.draw(3, 21, 3, 49).orElseThrow();
        TokenSubset b = sampler.draw(3, 24, 4, 49).orElseThrow();
        TokenSubset next = sampler.draw(4, 28, 1, 49).orElseThrow();

        assertThat(a.row(2)).isEqualTo(a.row(0));
        assertThat(b.row(3)).isEqualTo(a.row(0));
        assertThat(next.row(0)).isNotEqualTo(a.row(0));
    }

    @Test
    void ratioZeroAndPlacementNoneDrawNothing() {
        assertThat(new TokenSubsetSampler(PAPER.withRatio(0), DRAWS, 10).draw(0, 0, 2, 9))
                .isEmpty();
        assertThat(new TokenSubsetSampler(PAPER.withPlacement(SubsetPlacement.NONE), DRAWS, 10).draw(0, 0, 2, 9))
                .isEmpty();
    }

    @Test
    void everyTokenIsKeptEquallyOftenAndPairsAreIndependentOfPosition() {
        int rows = 20_000;
        int tokens = 9;
        TokenSubset subset = draw(PAPER.withRatio(0.5), 0, rows, tokens); // K = 4
        double[] single = new double[tokens];
        double[][] pair = new double[tokens][tokens];
        for (int n = 0; n < rows; n++) {
            for (long a : subset.row(n)) {
                single[(int) a] += 1.0 / rows;
                for (long b : subset.row(n)) {
                    pair[(int) a][(int) b] += 1.0 / rows;
                }
            }
        }

        double sixSigma = 6 * 0.5 / Math.sqrt(rows); // a share has a standard deviation of at most 0.5
        for (int a = 0; a < tokens; a++) {
            assertThat(single[a]).isCloseTo(4.0 / 9, within(sixSigma));
            for (int b = 0; b < a; b++) {
                assertThat(pair[a][b]).isCloseTo(4.0 * 3 / (9 * 8), within(sixSigma));
            }
        }
    }

    @Test
    void subsetMeanIsUnbiasedWithTheVarianceOfDrawingWithoutReplacement() {
        int rows = 20_000;
        double[] values = {0.3, -1.2, 2.5, 0.9, -0.4, 1.1, 0.05, -2.0, 0.7, 1.6, -0.8};
        int tokens = values.length;
        TokenSubset subset = draw(PAPER, 100, rows, tokens); // K = 8
        double mean = Arrays.stream(values).average().orElseThrow();
        double spread = Arrays.stream(values).map(v -> (v - mean) * (v - mean)).sum() / (tokens - 1);
        double expected = spread / subset.kept() * (1 - (double) subset.kept() / tokens);

        double sum = 0;
        double squares = 0;
        for (int n = 0; n < rows; n++) {
            double m = Arrays.stream(subset.row(n))
                            .mapToDouble(k -> values[(int) k])
                            .average()
                            .orElseThrow()
                    - mean;
            sum += m;
            squares += m * m;
        }

        assertThat(sum / rows).isCloseTo(0, within(6 * Math.sqrt(expected / rows))); // six standard errors
        assertThat(squares / rows / expected).isCloseTo(1, within(6 * Math.sqrt(2.0 / rows)));
    }

    @Test
    void fallingSchedulesGoFromTheRatioToTheMinimum() {
        assertThat(ratio(SubsetSchedule.COSINE, 0)).isEqualTo(0.5);
        assertThat(ratio(SubsetSchedule.COSINE, 50)).isCloseTo(0.4 * 0.25 + 0.1, within(1e-15)); // cos⁴ 45°
        assertThat(ratio(SubsetSchedule.COSINE, 100)).isCloseTo(0.1, within(1e-15));
        assertThat(ratio(SubsetSchedule.EXPONENTIAL, 0)).isEqualTo(0.5);
        assertThat(ratio(SubsetSchedule.EXPONENTIAL, 50)).isCloseTo(0.4 * Math.exp(-3.5) + 0.1, within(1e-15));
    }

    @Test
    void linearScheduleRises() {
        assertThat(ratio(SubsetSchedule.LINEAR, 0)).isEqualTo(0.1);
        assertThat(ratio(SubsetSchedule.LINEAR, 25)).isCloseTo(0.2, within(1e-15));
        assertThat(ratio(SubsetSchedule.LINEAR, 100)).isEqualTo(0.5);
        assertThat(ratio(SubsetSchedule.LINEAR, 1000)).isEqualTo(0.5);
    }

    @Test
    void constantScheduleIgnoresTheMinimum() {
        assertThat(ratio(SubsetSchedule.CONSTANT, 0)).isEqualTo(0.5);
        assertThat(ratio(SubsetSchedule.CONSTANT, 99)).isEqualTo(0.5);
    }

    @Test
    void rangeIsDrawnOncePerStep() {
        SubsetConfig range = PAPER.withRatio(0.3).withSchedule(SubsetSchedule.UNIFORM_RANGE, 0, 4, 0.2);
        TokenSubsetSampler sampler = new TokenSubsetSampler(range, DRAWS, 10_000);

        double sum = 0;
        for (int step = 0; step < 10_000; step++) {
            double r = sampler.ratio(step);
            assertThat(r).isGreaterThanOrEqualTo(0.3).isLessThan(0.5);
            sum += r;
        }

        assertThat(sum / 10_000).isCloseTo(0.4, within(6 * 0.058 / 100)); // sd 0.2/√12, six standard errors
        assertThat(sampler.ratio(5)).isEqualTo(sampler.ratio(5)).isNotEqualTo(sampler.ratio(6));
        int kept = Rounding.MAE.kept(256, sampler.ratio(5));
        assertThat(sampler.draw(5, 40, 3, 256).orElseThrow().kept()).isEqualTo(kept);
        assertThat(sampler.draw(5, 43, 5, 256).orElseThrow().kept()).isEqualTo(kept);
    }

    @ParameterizedTest
    @EnumSource
    void tailRunsWithoutSubsets(SubsetSchedule schedule) {
        SubsetConfig config =
                PAPER.withRatio(0.5).withSchedule(schedule, 0.1, 4, 0.2).withUnmaskedTailSteps(10);
        TokenSubsetSampler sampler = new TokenSubsetSampler(config, DRAWS, 100);

        assertThat(sampler.draw(89, 0, 2, 16)).isPresent();
        assertThat(sampler.draw(90, 0, 2, 16)).isEmpty();
        assertThat(sampler.draw(99, 0, 2, 16)).isEmpty();
        assertThat(sampler.draw(100, 0, 2, 16)).isEmpty();
    }

    @Test
    void badArgumentsAreNamed() {
        TokenSubsetSampler sampler = new TokenSubsetSampler(PAPER, DRAWS, 10);

        assertThatIllegalArgumentException().isThrownBy(() -> sampler.draw(-1, 0, 1, 9));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> sampler.draw(0, 0, 0, 9))
                .withMessageContaining("rows at least 1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new TokenSubsetSampler(PAPER.withUnmaskedTailSteps(11), DRAWS, 10))
                .withMessageContaining("unmaskedTailSteps 11 but was 10");
    }

    private static TokenSubset draw(SubsetConfig config, long first, int rows, int tokens) {
        return new TokenSubsetSampler(config, DRAWS, 100)
                .draw(0, first, rows, tokens)
                .orElseThrow();
    }

    private static double ratio(SubsetSchedule schedule, long step) {
        SubsetConfig config = PAPER.withRatio(0.5).withSchedule(schedule, 0.1, 4, 0.2);
        return new TokenSubsetSampler(config, DRAWS, 100).ratio(step);
    }
}
