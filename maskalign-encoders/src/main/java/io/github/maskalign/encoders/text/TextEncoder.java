package io.github.maskalign.encoders.text;

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
}
