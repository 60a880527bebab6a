package io.github.maskalign.examples.run;

import io.github.maskalign.core.config.Default;
import io.github.maskalign.core.config.NonNegative;
import io.github.maskalign.core.config.OneOf;
import io.github.maskalign.core.config.Positive;
import io.github.maskalign.core.nn.Precision;

/**
 * How a run uses its machine and what it shows.
 *
 * @param device where it runs
 * @param precision arithmetic of matrix products
 * @param threads threads of one operation on the CPU; 0 leaves the choice to the engine
 * @param logEvery steps between two lines of {@code stats.jsonl}
 * @param previewEvery steps between two sample grids; 0 draws one at the end alone
 * @param previewPictures pictures of a grid
 * @param previewScale how many times a picture is enlarged in a grid
 */
public record RuntimeSection(
        @OneOf({"cpu", "gpu"}) String device,
        Precision precision,
        @NonNegative @Default("0") int threads,
        @Positive int logEvery,
        @NonNegative int previewEvery,
        @Positive int previewPictures,
        @Positive @Default("1") int previewScale) {}
