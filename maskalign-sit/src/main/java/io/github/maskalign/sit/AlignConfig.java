package io.github.maskalign.sit;

import io.github.maskalign.core.config.NonNegative;
import io.github.maskalign.core.config.Positive;
import io.github.maskalign.core.config.Range;

/**
 * Representation alignment (REPA).
 *
 * @param enabled whether hidden tokens are aligned
 * @param depth number of blocks run before the hidden tokens are projected; mixing layers do not count
 *     (official {@code encoder_depth})
 * @param coeff weight λ of the alignment loss, at least 0
 * @param projectorDim width of the projector's hidden layers, in [1, 65536]
 */
public record AlignConfig(
        boolean enabled,
        @Positive int depth,
        @NonNegative double coeff,
        @Range(min = 1, max = ModelConfig.MOST_WIDTH) int projectorDim) {

    /** @throws IllegalArgumentException if a number is out of its range; the depth has to fit the model alone */
    public AlignConfig {
        ModelConfig.require(coeff >= 0 && Double.isFinite(coeff), "align.coeff must be at least 0", coeff);
        ModelConfig.within("align.projectorDim", projectorDim, 1, ModelConfig.MOST_WIDTH);
    }
}
