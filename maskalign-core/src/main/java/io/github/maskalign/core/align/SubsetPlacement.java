package io.github.maskalign.core.align;

/**
 * Where a token subset acts.
 *
 * <p>With T patch tokens of which K are kept, patches {@code X} (N, T, D) that already carry their
 * positions, the class token {@code g} (N, 1, D) if the model has one, and condition {@code c} (N, D). The
 * class token is never part of a subset: it is never dropped and always aligned. Evaluation never uses a
 * subset.
 */
public enum SubsetPlacement {
    /** No subset: every block, the velocity loss and the alignment loss see all T tokens. REPA and REG. */
    NONE,

    /**
     * The tokens are dropped after the mixer. MaskAlign.
     *
     * <pre>
     *   H = mixer([g; X], c)                        (N, 1+T, D)
     *   H = [H[0]; gather(H[1:], keep)]             (N, 1+K, D)
     *   blocks 1..L on H; tap after align.depth
     *   velocity of the K kept tokens against gather(tokens(v*), keep), and of the class token
     *   alignment mean over the class token and the K kept tokens
     * </pre>
     *
     * <p>Positions were added before, so nothing is re-indexed. Dropped tokens get gradient only through
     * attention inside the mixer; without a mixer exactly none.
     */
    DROP,

    /**
     * All tokens run through all blocks and have a velocity loss; only the alignment loss is taken over the
     * class token and the kept ones. An unbiased, noisier estimate of the full alignment gradient, and the
     * ablation that separates fewer supervised tokens from fewer visible ones. Saves no time.
     */
    LOSS_ONLY,

    /**
     * The dropped tokens bypass blocks i..j (counted from 0, both included). TREAD.
     *
     * <pre>
     *   before block i:  A = X; X = gather(A, keep)     (N, K, D)
     *   after block j:   X = scatter(A, keep, X)        (N, T, D), rows outside keep are those of A
     * </pre>
     *
     * <p>The velocity loss covers all tokens. The alignment loss covers the kept ones if the alignment depth
     * lies in [i+1, j+1], otherwise all. Bypassed tokens get gradient through the identity path.
     */
    ROUTE,

    /**
     * As {@link #DROP}, but before the head the sequence is put back together: kept tokens at their places
     * ({@link TokenSubset#restore}), a learned token at the others, so that a loss can cover all T tokens.
     * MaskDiT and its relatives.
     */
    DROP_REINSERT;

    /** Whether a subset is drawn at all. */
    public boolean usesSubset() {
        return this != NONE;
    }
}
