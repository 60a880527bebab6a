package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenSubset;
import io.github.maskalign.core.align.TokenSubsetSampler;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.sit.SiTObjective.KeptTokens;
import org.junit.jupiter.api.Test;

/** What is read ahead is what the loss will draw. */
class KeptTokensTest {
    private static final int BATCH = 6;
    private static final int TOKENS = TinySiT.maskAlign().tokens();

    @Test
    void classTokenAndKeptPatchesOfThatStep() {
        TokenSubsetSampler subsets = sampler(SubsetConfig.defaults());
        KeptTokens kept = new KeptTokens(TinySiT.maskAlign(), subsets, BATCH);

        int[][] rows = kept.rows(4 * BATCH + 2, 3).orElseThrow();

        TokenSubset drawn = subsets.draw(4, 4 * BATCH + 2, 3, TOKENS).orElseThrow();
        assertThat(rows).hasDimensions(3, 1 + drawn.kept());
        for (int n = 0; n < 3; n++) {
            assertThat(rows[n][0]).isZero();
            for (int k = 0; k < drawn.kept(); k++) {
                assertThat(rows[n][1 + k]).isEqualTo(1 + (int) drawn.row(n)[k]);
            }
        }
    }

    @Test
    void allTokensWhereNoSubsetIsDrawnOrAligned() {
        TokenSubsetSampler subsets = sampler(SubsetConfig.defaults());
        SiTConfig routed = TinySiT.reg().withPlacement(SubsetPlacement.ROUTE, 2, 2); // behind the projector
        SubsetConfig route =
                SubsetConfig.defaults().withPlacement(SubsetPlacement.ROUTE).withRoute(2, 2);
        SubsetConfig tail = SubsetConfig.defaults().withUnmaskedTailSteps(1);

        assertThat(new KeptTokens(TinySiT.reg(), sampler(SubsetConfig.none()), BATCH).rows(0, 2))
                .isEmpty();
        assertThat(new KeptTokens(routed, sampler(route), BATCH).rows(0, 2)).isEmpty();
        assertThat(new KeptTokens(TinySiT.maskAlign(), sampler(tail), BATCH).rows(9 * BATCH, 2))
                .isEmpty();
        assertThat(new KeptTokens(TinySiT.maskAlign(), sampler(tail), BATCH).rows(8 * BATCH, 2))
                .isPresent();
        assertThat(new KeptTokens(TinySiT.maskAlign(), subsets, BATCH).rows(BATCH - 1, 2))
                .isEmpty(); // of two steps
    }

    /** A permutation of all tokens must not be taken for a choice: the loss would permute them once more. */
    @Test
    void allTokensWhereTheRoundingKeepsAll() {
        SubsetConfig full = SubsetConfig.defaults()
                .withRatio(0.01)
                .withDrawing(SubsetConfig.Scope.PER_SAMPLE, SubsetConfig.Rounding.NEAREST, SubsetConfig.Order.SHUFFLED);

        assertThat(new KeptTokens(TinySiT.maskAlign(), sampler(full), BATCH).rows(0, 2))
                .isEmpty();
    }

    private static TokenSubsetSampler sampler(SubsetConfig config) {
        return new TokenSubsetSampler(config, new Draws(5), 10);
    }
}
