package io.github.maskalign.sit;

import io.github.maskalign.core.config.ConfigKey.Identified;
import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * The published sizes (SiT, table 1; the same as DiT's). Alignment depth: 4 for S and B, 8 for L and XL (REG,
 * MaskAlign table 7).
 */
public enum SiTVariant implements Identified {
    /** SiT-S/2: 33 M parameters. */
    S_2(12, 384, 6, 2),
    /** SiT-S/4. */
    S_4(12, 384, 6, 4),
    /** SiT-S/8. */
    S_8(12, 384, 6, 8),
    /** SiT-B/2: 130 M parameters. */
    B_2(12, 768, 12, 2),
    /** SiT-B/4. */
    B_4(12, 768, 12, 4),
    /** SiT-B/8. */
    B_8(12, 768, 12, 8),
    /** SiT-L/2: 458 M parameters. */
    L_2(24, 1024, 16, 2),
    /** SiT-L/4. */
    L_4(24, 1024, 16, 4),
    /** SiT-L/8. */
    L_8(24, 1024, 16, 8),
    /** SiT-XL/2: 675 M parameters. */
    XL_2(28, 1152, 16, 2),
    /** SiT-XL/4. */
    XL_4(28, 1152, 16, 4),
    /** SiT-XL/8. */
    XL_8(28, 1152, 16, 8);

    private final int depth;
    private final int hiddenSize;
    private final int numHeads;
    private final int patchSize;

    SiTVariant(int depth, int hiddenSize, int numHeads, int patchSize) {
        this.depth = depth;
        this.hiddenSize = hiddenSize;
        this.numHeads = numHeads;
        this.patchSize = patchSize;
    }

    /** Returns the paper's spelling, such as {@code SiT-XL/2}. */
    @Override
    public String id() {
        return "SiT-" + name().replace('_', '/');
    }

    /**
     * Finds a variant by the paper's spelling.
     *
     * @throws IllegalArgumentException if there is none; the message lists them
     */
    public static SiTVariant ofId(String id) {
        for (SiTVariant variant : values()) {
            if (variant.id().equals(id)) {
                return variant;
            }
        }
        String all = Arrays.stream(values()).map(SiTVariant::id).collect(Collectors.joining(", "));
        throw new IllegalArgumentException("model.variant must be one of " + all + " but was " + id);
    }

    /** Number of blocks L. */
    public int depth() {
        return depth;
    }

    /** Token width D. */
    public int hiddenSize() {
        return hiddenSize;
    }

    /** Attention heads h. */
    public int numHeads() {
        return numHeads;
    }

    /** Patch side p. */
    public int patchSize() {
        return patchSize;
    }

    /** Depth at which REG and MaskAlign align. */
    public int alignDepth() {
        return depth > 12 ? 8 : 4;
    }

    /** Plain SiT of this size for 4-channel 32×32 latents and 1,000 classes. */
    public SiTConfig config() {
        return SiTConfig.of(32, patchSize, 4, hiddenSize, depth, numHeads, 1000);
    }
}
