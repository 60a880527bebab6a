package io.github.maskalign.core.files.internal;

import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * What an {@code .npz} file may claim before it is refused.
 *
 * @param maxEntries number of entries, at least 1
 * @param maxRatio how many bytes one packed byte may become in an entry of more than one MiB, at least 1. Deflate packs
 *     real data two to ten times and zeros a thousand times
 * @param maxPackedTotal sum of the unpacked sizes of all packed entries, at least 0; entries that are not packed are
 *     bounded by the file
 */
public record NpzLimits(int maxEntries, double maxRatio, long maxPackedTotal) {
    /** 10,000 entries, a ratio of 100, 64 GiB in all. */
    public static final NpzLimits DEFAULT = new NpzLimits(10_000, 100, 64L << 30);

    /** Size up to which any ratio will do. */
    private static final long FREE_BYTES = 1 << 20;

    private static final int MAX_NAME_BYTES = 512;

    /** Checks the ranges. */
    public NpzLimits {
        if (maxEntries < 1 || maxEntries > 1_000_000) {
            throw new IllegalArgumentException("maxEntries must be in [1, 1000000] but was " + maxEntries);
        }
        if (!(maxRatio >= 1)) {
            throw new IllegalArgumentException("maxRatio must be at least 1 but was " + maxRatio);
        }
        if (maxPackedTotal < 0) {
            throw new IllegalArgumentException("maxPackedTotal must be at least 0 but was " + maxPackedTotal);
        }
    }

    public ZipRules rules() {
        return new ZipRules(
                ZipRules.Layout.LOOSE,
                List.of(StandardCharsets.US_ASCII),
                MAX_NAME_BYTES,
                maxEntries,
                maxRatio,
                FREE_BYTES,
                maxPackedTotal,
                "NpzLimits");
    }
}
