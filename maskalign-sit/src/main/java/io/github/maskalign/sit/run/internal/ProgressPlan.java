package io.github.maskalign.sit.run.internal;

/**
 * What a progress display has to know in advance.
 *
 * @param task short name, such as {@code train}
 * @param firstStep steps already done, {@code >= 0}
 * @param totalSteps steps done at the end, {@code > firstStep}
 * @param imagesPerStep pictures each step takes, {@code >= 1}
 * @param logEvery steps between two lines where there is no terminal, {@code >= 1}
 */
public record ProgressPlan(String task, long firstStep, long totalSteps, int imagesPerStep, int logEvery) {
    /** Checks the ranges. */
    public ProgressPlan {
        if (firstStep < 0 || totalSteps <= firstStep) {
            throw new IllegalArgumentException(
                    "totalSteps must be greater than firstStep, which must be >= 0, but were " + totalSteps + " and "
                            + firstStep);
        }
        if (imagesPerStep < 1 || logEvery < 1) {
            throw new IllegalArgumentException(
                    "imagesPerStep and logEvery must be at least 1 but were " + imagesPerStep + " and " + logEvery);
        }
    }
}
