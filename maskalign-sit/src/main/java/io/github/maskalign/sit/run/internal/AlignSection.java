package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.config.NonNegative;
import io.github.maskalign.core.config.Positive;
import io.github.maskalign.core.config.Range;

/**
 * Representation alignment.
 *
 * @param enabled whether hidden tokens are aligned
 * @param depth number of blocks run before they are read; mixing layers do not count
 * @param coeff weight λ of the alignment loss
 * @param projectorDim width of the projector's hidden layers
 */
public record AlignSection(
        boolean enabled,
        @Positive int depth,
        @NonNegative double coeff,
        @Range(min = 1, max = 65_536) int projectorDim) {}
