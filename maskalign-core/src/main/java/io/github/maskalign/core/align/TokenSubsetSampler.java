package io.github.maskalign.core.align;

import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.Draws.RandomStream;
import io.github.maskalign.core.random.internal.SplitMix64;
import java.util.Arrays;
import java.util.Optional;

/**
 * Draws the token subsets of a training run.
 *
 * <p>For each sample u ~ U[0, 1) for all T tokens; the K tokens with the smallest u are kept. With {@link
 * SubsetConfig.Pattern#STRUCTURED_2X2} one token of each window is, all four alike likely. The numbers
 * come from {@link RandomStream#SUBSET} at the sample's global position, so a subset does not depend on how
 * a batch is split, and no other stream notices whether subsets are drawn. A ratio drawn per step, and the
 * subset that {@link SubsetConfig.Scope#PER_BATCH} shares, are addressed by the step.
 *
 * <p>Evaluation never masks: do not call this class there.
 */
public final class TokenSubsetSampler {
    private static final int MAX_TOKENS = SplitMix64.MOST_OF_SUBSET;

    private final SubsetConfig config;
    private final Draws draws;
    private final long totalSteps;

    /**
     * Creates a sampler.
     *
     * @param config what to draw
     * @param draws the random numbers of the run
     * @param totalSteps length of the run in optimiser steps, at least 1 and at least the unmasked tail
     */
    public TokenSubsetSampler(SubsetConfig config, Draws draws, long totalSteps) {
        if (totalSteps < 1 || totalSteps < config.dropping().unmaskedTailSteps()) {
            throw new IllegalArgumentException("totalSteps must be at least 1 and not less than unmaskedTailSteps "
                    + config.dropping().unmaskedTailSteps() + " but was " + totalSteps);
        }
        this.config = config;
        this.draws = draws;
        this.totalSteps = totalSteps;
    }

    /** Returns the random numbers of the run. */
    public Draws draws() {
        return draws;
    }

    /** Returns what is drawn. */
    public SubsetConfig config() {
        return config;
    }

    /**
     * Returns the ratio of a step, in [0, 1).
     *
     * @param step optimiser step, the first is 0; from {@code totalSteps} on the schedule stands still
     */
    public double ratio(long step) {
        checkStep(step);
        if (!config.placement().usesSubset()
                || config.dropping().hasTail()
                        && step >= totalSteps - config.dropping().tail(totalSteps)) {
            return 0;
        }
        double progress = Math.min(1, (double) step / totalSteps);
        double ratio = config.dropping()
                .schedule()
                .ratio(
                        config.dropping(),
                        progress,
                        () -> draws.at(RandomStream.SUBSET, ratioPosition(step)).nextDouble());
        return Math.max(0, ratio);
    }

    /**
     * Draws the subsets of some samples of a step.
     *
     * @param step optimiser step, the first is 0
     * @param first global position of the first sample, step · global batch + offset
     * @param rows number of samples N
     * @param tokens number of patch tokens T, without the class token
     * @return empty if the step's ratio is 0: then no number is drawn and the model runs on all tokens
     * @throws IllegalArgumentException if the ratio leaves no token
     */
    public Optional<TokenSubset> draw(long step, long first, int rows, int tokens) {
        if (first < 0 || rows < 1 || tokens < 1 || tokens > MAX_TOKENS) {
            throw new IllegalArgumentException("first must be at least 0, rows at least 1 and tokens in [1, "
                    + MAX_TOKENS + "] but they were " + first + ", " + rows + " and " + tokens);
        }
        double ratio = ratio(step);
        if (ratio == 0) {
            return Optional.empty();
        }
        int kept = config.drawing().kept(tokens, ratio);
        long[] keep = new long[Math.multiplyExact(rows, kept)];
        if (config.drawing().scope() == SubsetConfig.Scope.PER_BATCH) {
            long[] shared = choose(sharedPosition(step), tokens, kept);
            for (int n = 0; n < rows; n++) {
                System.arraycopy(shared, 0, keep, n * kept, kept);
            }
        } else {
            for (int n = 0; n < rows; n++) {
                System.arraycopy(choose(first + n, tokens, kept), 0, keep, n * kept, kept);
            }
        }
        return Optional.of(new TokenSubset(tokens, kept, keep));
    }

    private long[] choose(long position, int tokens, int kept) {
        SplitMix64 random = draws.at(RandomStream.SUBSET, position);
        long[] keep = config.drawing().pattern() == SubsetConfig.Pattern.RANDOM
                ? random.subset(tokens, kept)
                : ofWindows(random, tokens, kept);
        if (config.drawing().order() == SubsetConfig.Order.SORTED) {
            Arrays.sort(keep);
        }
        return keep;
    }

    /** One of each window of 2 × 2 tokens, by the top two bits of a number for each window, row by row. */
    private static long[] ofWindows(SplitMix64 random, int tokens, int kept) {
        int side = (int) Math.sqrt(tokens);
        int window = SubsetConfig.Pattern.WINDOW;
        long[] keep = new long[kept];
        int k = 0;
        for (int row = 0; row < side; row += window) {
            for (int column = 0; column < side; column += window) {
                int place = (int) (random.nextLong() >>> 62);
                keep[k++] = (long) (row + place / window) * side + column + place % window;
            }
        }
        return keep;
    }

    /** Positions of samples are not negative, so these two are free for what belongs to a whole step. */
    private static long ratioPosition(long step) {
        return -1 - 2 * step;
    }

    private static long sharedPosition(long step) {
        return -2 - 2 * step;
    }

    private static void checkStep(long step) {
        if (step < 0) {
            throw new IllegalArgumentException("step must be at least 0 but was " + step);
        }
    }
}
