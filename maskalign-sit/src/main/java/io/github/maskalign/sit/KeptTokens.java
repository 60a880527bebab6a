package io.github.maskalign.sit;

import io.github.maskalign.core.align.TokenSubset;
import io.github.maskalign.core.align.TokenSubsetSampler;
import io.github.maskalign.core.data.LatentData.TokenChoice;
import java.util.Arrays;
import java.util.Optional;

/**
 * The encoder tokens that a run's loss looks at: the class token and, where alignment is over a subset, the kept
 * patches. Subsets are drawn by position, so they are known before a sample is read.
 *
 * @param model the model
 * @param subsets what the run draws, for the placement that the model has
 * @param globalBatch samples of one step over all ranks
 */
public record KeptTokens(SiTConfig model, TokenSubsetSampler subsets, int globalBatch) implements TokenChoice {
    /** @throws IllegalArgumentException if model and subsets differ in their placement or route */
    public KeptTokens {
        model.requirePlacement(subsets.config());
    }

    @Override
    public Optional<int[][]> rows(long first, int count) {
        long step = first / globalBatch;
        if (!model.alignsSubset() || (first + count - 1) / globalBatch != step) {
            return Optional.empty();
        }
        return subsets.draw(step, first, count, model.tokens())
                .filter(subset -> !subset.isFull())
                .map(subset -> indices(subset.withClassToken()));
    }

    private static int[][] indices(TokenSubset subset) {
        int[][] rows = new int[subset.rows()][];
        for (int n = 0; n < rows.length; n++) {
            rows[n] = Arrays.stream(subset.row(n)).mapToInt(Math::toIntExact).toArray();
        }
        return rows;
    }
}
