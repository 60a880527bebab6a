package io.github.maskalign.sit;

import io.github.maskalign.core.config.NonNegative;

/**
 * The jointly generated class token (REG).
 *
 * @param enabled whether there is one
 * @param beta weight β of its velocity loss, at least 0
 */
public record ClassTokenConfig(boolean enabled, @NonNegative double beta) {

    /** @throws IllegalArgumentException if the weight is negative or not finite */
    public ClassTokenConfig {
        ModelConfig.require(beta >= 0 && Double.isFinite(beta), "cls.beta must be at least 0", beta);
    }
}
