package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.config.NonNegative;

/**
 * The jointly generated class token of REG.
 *
 * @param enabled whether there is one
 * @param beta weight β of its velocity loss
 */
public record ClassTokenSection(
        boolean enabled, @NonNegative double beta) {}
