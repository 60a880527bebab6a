package io.github.maskalign.core.data.internal;

import org.jspecify.annotations.Nullable;

/**
 * One prepared picture. The arrays are not copied and must not change afterwards.
 *
 * @param name where the picture came from, such as {@code n01440764/n01440764_10026.JPEG}
 * @param label its class, at least 0
 * @param moments mean and standard deviation of its latent, (2C, H, W) row-major
 * @param image its bytes (3, side, side), exactly if the layout has pictures
 * @param tokens its encoder tokens (1+T, Z), the class token first, exactly if the layout has tokens
 */
public record PreparedSample(
        String name, int label, float[] moments, byte @Nullable [] image, float @Nullable [] tokens) {

    /** @throws IllegalArgumentException if the sample is not what the layout says */
    void requireFits(SampleLayout layout) {
        if (label < 0) {
            throw new IllegalArgumentException("the label of " + name + " must be at least 0 but was " + label);
        }
        check("moments", moments.length, layout.momentValues());
        check("image", image == null ? 0 : image.length, layout.imageBytes());
        check("tokens", tokens == null ? 0 : tokens.length, layout.tokenValues());
    }

    private void check(String what, int found, int expected) {
        if (found != expected) {
            throw new IllegalArgumentException(
                    what + " of " + name + " must have " + expected + " values but has " + found);
        }
    }
}
