package io.github.maskalign.sit;

import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Range;
import java.nio.file.Path;
import java.util.Optional;

/**
 * What of an encoder the features of {@link LossTerms.Features} are made from.
 *
 * @param lastBlocks the patch tokens of so many blocks are joined, the last ones, each behind the closing norm; 1 in ReDi, 4 in
 *     REGLUE. Alignment and class token are with those of the last block in any case
 * @param reduction file that makes the features, such as a compressor; unless given what the data bring
 */
public record FeatureSource(
        @Range(min = 1, max = 64) @Default("1") int lastBlocks,
        @Default("null") Optional<Path> reduction) {
    private static final int MOST_BLOCKS = 64;

    /** The last block alone, in the way the data bring. */
    public static final FeatureSource LAST_BLOCK = new FeatureSource(1, Optional.empty());

    /** @throws IllegalArgumentException if the number of blocks is out of its range */
    public FeatureSource {
        SiTConfig.ModelConfig.within("terms.features.lastBlocks", lastBlocks, 1, MOST_BLOCKS);
    }
}
