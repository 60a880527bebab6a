package io.github.maskalign.core.data;

import java.util.Optional;

/** Which encoder tokens training will look at, where that is known before the samples are read. */
@FunctionalInterface
public interface TokenChoice {
    /** All tokens of all samples. */
    TokenChoice ALL = (first, count) -> Optional.empty();

    /**
     * Chooses tokens.
     *
     * @param first position of the first sample in the run's stream
     * @param count number of samples
     * @return for each sample the same number of different indices among its 1+T tokens, of which 0 is the class token;
     *     empty for all tokens in order
     */
    Optional<int[][]> rows(long first, int count);
}
