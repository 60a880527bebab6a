package io.github.maskalign.core.nn;

import ai.djl.ndarray.NDArray;
import io.github.maskalign.core.script.ScriptFunction;

/**
 * Takes the kept tokens out of a sequence and puts them back.
 *
 * <p>{@code keep} (N, K) holds patch indices in [0, T), int64. If the sequence starts with a class token, that token
 * is always kept and comes first: K patches make 1 + K rows. All three are differentiable.
 */
public final class TokenRows {
    private static final String FILE = "block.py";

    private final ScriptFunction gather;
    private final ScriptFunction scatter;
    private final ScriptFunction reinsert;

    /** Creates the three functions for sequences with or without a class token in front. */
    public TokenRows(boolean classToken) {
        gather = ScriptFunction.of(TokenRows.class, FILE, "gather_tokens").bind("class_token", classToken);
        scatter = ScriptFunction.of(TokenRows.class, FILE, "scatter_tokens").bind("class_token", classToken);
        reinsert = ScriptFunction.of(TokenRows.class, FILE, "reinsert_tokens").bind("class_token", classToken);
    }

    /** Returns the kept rows of tokens (N, [1+]T, D): (N, [1+]K, D). Other rows get zero gradient. */
    public NDArray gather(NDArray tokens, NDArray keep) {
        return gather.callForOne(tokens, keep);
    }

    /** Returns a copy of tokens (N, [1+]T, D) in which the kept rows are replaced by kept (N, [1+]K, D). */
    public NDArray scatter(NDArray tokens, NDArray kept, NDArray keep) {
        return scatter.callForOne(tokens, kept, keep);
    }

    /** Returns all {@code total} rows: kept (N, [1+]K, D) in their places and fill (1, 1, D) in the others. */
    public NDArray reinsert(NDArray kept, NDArray keep, NDArray fill, long total) {
        return reinsert.callForOne(kept, keep, fill, total);
    }
}
