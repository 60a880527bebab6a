package io.github.maskalign.encoders.text;

import ai.djl.ndarray.NDArray;

/**
 * What a text encoder makes of N captions.
 *
 * @param tokens (N, T, D), float32: the state of every token after the closing norm, padding included
 * @param pooled (N, P), float32: the state of the end token, projected where the model has a projection
 * @param ids (N, T), int64: the ids of all tokens
 * @param mask (N, T), int64: 1 for the tokens of the caption with its start and end, 0 for padding
 * @param truncated how many captions were longer than the model takes and lost their end
 */
public record TextTokens(NDArray tokens, NDArray pooled, NDArray ids, NDArray mask, int truncated)
        implements AutoCloseable {
    @Override
    public void close() {
        tokens.close();
        pooled.close();
        ids.close();
        mask.close();
    }
}
