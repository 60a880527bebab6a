package io.github.maskalign.examples.training;

import java.util.Locale;

/**
 * How often the right drawing was found.
 *
 * @param top1 share of queries whose nearest drawing shows the same emoji, in [0, 1]
 * @param top5 share of queries with the same emoji among the five nearest, in [0, 1]
 * @param queries number of queries
 * @param gallery number of drawings searched
 */
public record Retrieval(double top1, double top5, int queries, int gallery) {
    @Override
    public String toString() {
        return String.format(
                Locale.ROOT, "top-1 %.1f %%, top-5 %.1f %% of %d in %d", 100 * top1, 100 * top5, queries, gallery);
    }
}
