package io.github.maskalign.core.distributed.internal;

/** This rank ends in order because another one failed; the message says which and why. */
public final class RankFailedException extends RuntimeException {
    private final int failedRank;

    /** Creates the exception with what the other rank said. */
    public RankFailedException(int failedRank, String message) {
        super(message);
        this.failedRank = failedRank;
    }

    /** Returns the first rank that failed. */
    public int failedRank() {
        return failedRank;
    }
}
