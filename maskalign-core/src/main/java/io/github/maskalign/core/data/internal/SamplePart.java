package io.github.maskalign.core.data.internal;

import java.util.ArrayList;
import java.util.List;

/** What of a sample is read on its own, and so has a checksum of its own. */
enum SamplePart {
    /** Mean and standard deviation of the latent. */
    MOMENTS(ShardBuilder.MOMENTS),
    /** The picture. */
    IMAGE(ShardBuilder.IMAGE),
    /** The encoder's tokens, each with its scale where it has one. */
    TOKENS(ShardBuilder.TOKENS);

    private final String tensor;

    SamplePart(String tensor) {
        this.tensor = tensor;
    }

    /** Returns the name of the tensor of checksums, U32: (n), and in a shard (n, 1+T) for TOKENS. */
    String checksums() {
        return tensor + ".crc32c";
    }

    /** Returns what the samples of a layout have. */
    static List<SamplePart> of(SampleLayout layout) {
        List<SamplePart> parts = new ArrayList<>(List.of(MOMENTS));
        if (layout.imageSide() > 0) {
            parts.add(IMAGE);
        }
        if (layout.tokens() > 0) {
            parts.add(TOKENS);
        }
        return parts;
    }

    /** Returns the name as a message has it. */
    @Override
    public String toString() {
        return tensor;
    }
}
