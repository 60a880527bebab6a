package io.github.maskalign.encoders.text;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.nio.file.Path;
import java.util.List;

/**
 * A frozen encoder of captions, such as CLIP's text tower. Never records gradients; belongs to one thread; keeps neither
 * inputs nor results.
 */
public interface TextEncoder extends AutoCloseable {
    /** Returns T, the number of tokens that every caption is cut or padded to. */
    int length();

    /** Returns D, the width of the tokens. */
    int width();

    /** Returns P, the width of the pooled vector. */
    int pooledWidth();

    /**
     * Encodes captions, all as one batch.
     *
     * @param owner gets the arrays
     * @param captions N of them, at least one; any text, the empty one included
     * @throws IllegalArgumentException if there is none, or one is no text or longer than
     *     {@link ClipTokenizer#MAX_CHARACTERS}
     */
    TextTokens encode(NDManager owner, List<String> captions);

    /** Returns the file the weights are from. */
    Path file();

    @Override
    void close();

    /**
     * What a text encoder makes of N captions.
     *
     * @param tokens (N, T, D), float32: the state of every token after the closing norm, padding included
     * @param pooled (N, P), float32: the state of the end token, projected where the model has a projection
     * @param ids (N, T), int64: the ids of all tokens
     * @param mask (N, T), int64: 1 for the tokens of the caption with its start and end, 0 for padding
     * @param truncated how many captions were longer than the model takes and lost their end
     */
    record TextTokens(NDArray tokens, NDArray pooled, NDArray ids, NDArray mask, int truncated)
            implements AutoCloseable {
        @Override
        public void close() {
            tokens.close();
            pooled.close();
            ids.close();
            mask.close();
        }
    }
}
