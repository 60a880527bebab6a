package io.github.maskalign.sit.weights;

import org.jspecify.annotations.Nullable;

/**
 * What is known about a file beyond what is in it.
 *
 * @param family where it comes from; null to tell it from the tensors and the metadata
 * @param numHeads attention heads h, which no tensor shows; 0 to take them from the metadata or the published size
 * @param alignDepth number of blocks before the projectors (official {@code encoder_depth}), which no tensor shows
 *     either; 0 as for the heads
 * @param withoutProjectors whether projectors are left out: sampling does not need them
 */
public record ImportOptions(@Nullable WeightsFamily family, int numHeads, int alignDepth, boolean withoutProjectors) {
    /** Nothing is known. */
    public static final ImportOptions AUTO = new ImportOptions(null, 0, 0, false);

    /** Checks the ranges. */
    public ImportOptions {
        if (numHeads < 0) {
            throw new IllegalArgumentException("numHeads must be 0 or positive but was " + numHeads);
        }
        if (alignDepth < 0) {
            throw new IllegalArgumentException("align.depth must be 0 or positive but was " + alignDepth);
        }
    }

    /** Says where the file comes from. */
    public ImportOptions from(@Nullable WeightsFamily origin) {
        return new ImportOptions(origin, numHeads, alignDepth, withoutProjectors);
    }

    /** Says how many heads the model has. */
    public ImportOptions withNumHeads(int heads) {
        return new ImportOptions(family, heads, alignDepth, withoutProjectors);
    }

    /** Says at which depth the model was aligned. */
    public ImportOptions withAlignDepth(int depth) {
        return new ImportOptions(family, numHeads, depth, withoutProjectors);
    }

    /** Leaves the projectors out. */
    public ImportOptions leavingProjectorsOut() {
        return new ImportOptions(family, numHeads, alignDepth, true);
    }
}
