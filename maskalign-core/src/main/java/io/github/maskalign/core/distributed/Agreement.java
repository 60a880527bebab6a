package io.github.maskalign.core.distributed;

import io.github.maskalign.core.distributed.Communicator.CommunicationException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * How ranks go on together or end together.
 *
 * <p>Before every exchange of arrays the ranks exchange a word: fine, or failed and why. A rank whose own work throws
 * says so in place of its next word, so that all others end with a message that names it, and none waits for ever:
 *
 * <pre>{@code
 * Agreement agreement = new Agreement(ranks);
 * try {
 *     while (!agreement.any(stopRequested)) {
 *         NDList gradients = agreement.together(() -> compute());
 *         buckets.sum(gradients); // nothing between the word and the exchange can fail on one rank alone
 *     }
 * } catch (Throwable failure) {
 *     agreement.fail(failure);
 *     throw failure;
 * }
 * }</pre>
 *
 * <p>Used by one thread.
 */
public final class Agreement {
    /** Bytes of a word: the code and the length of the message that follows. */
    private static final int WORD = 1 + Integer.BYTES;

    private static final byte NO = 0;
    private static final byte YES = 1;
    private static final byte FAILED = 2;

    private static final int LONGEST_MESSAGE = 4096;

    private final Communicator ranks;
    private boolean known;
    private boolean broken;

    /** Work that may fail. */
    @FunctionalInterface
    public interface Work<T, E extends Exception> {
        /** Does it. */
        T run() throws E;
    }

    /** Creates the agreement of a group; there is one for each group. */
    public Agreement(Communicator ranks) {
        this.ranks = ranks;
    }

    /** Returns the group. */
    public Communicator ranks() {
        return ranks;
    }

    /**
     * Does this rank's part of a work, and returns once all ranks have done theirs.
     *
     * @throws RankFailedException if it failed elsewhere
     * @throws E if it failed here; the others know
     */
    public <T, E extends Exception> T together(Work<T, E> work) throws E {
        T result;
        try {
            result = work.run();
        } catch (Throwable failure) {
            fail(failure);
            throw failure;
        }
        exchange(NO);
        return result;
    }

    /**
     * Returns whether the answer is yes on any rank: the same on all.
     *
     * @throws RankFailedException if another rank failed
     */
    public boolean any(boolean mine) {
        return exchange(mine ? YES : NO);
    }

    /**
     * Checks that all ranks have the same bytes, such as a digest of their settings.
     *
     * @param what what is compared, for the message
     * @param digest as many bytes on every rank
     * @throws CommunicationException on every rank, if they differ
     */
    public void requireSame(String what, byte[] digest) {
        exchange(NO);
        byte[][] all = ranks.allGather(digest);
        for (int rank = 1; rank < all.length; rank++) {
            if (!Arrays.equals(all[0], all[rank])) {
                known = true; // every rank sees it
                throw new CommunicationException(what + " must be the same on every rank but is " + hex(all[0])
                        + " on rank 0 and " + hex(all[rank]) + " on rank " + rank);
            }
        }
    }

    /**
     * Tells the other ranks that this one cannot go on; they learn it where they next exchange a word. Does nothing if
     * that is known already, or if the exchange itself has failed.
     */
    public void fail(Throwable failure) {
        if (known || broken || ranks.size() == 1) {
            return;
        }
        if (failure instanceof CommunicationException) {
            broken = true;
            return;
        }
        try {
            say(FAILED, message(failure));
        } catch (RuntimeException e) {
            broken = true;
            failure.addSuppressed(e);
        }
    }

    /**
     * Tells whether all ranks know that the run is over because one failed: then the group can be closed in order.
     * While this is false after a failure, only {@link Communicator#abort} ends the others.
     */
    public boolean isFailureKnown() {
        return known;
    }

    private boolean exchange(byte word) {
        if (ranks.size() == 1) {
            return word == YES;
        }
        if (known || broken) {
            throw new IllegalStateException("the group of ranks has failed before");
        }
        return say(word, "");
    }

    private boolean say(byte word, String message) {
        byte[] text = message.getBytes(StandardCharsets.UTF_8);
        int length = Math.min(text.length, LONGEST_MESSAGE);
        byte[][] words = ranks.allGather(
                ByteBuffer.allocate(WORD).put(word).putInt(length).array());
        int longest = 0;
        int failed = -1;
        boolean yes = false;
        for (int rank = words.length - 1; rank >= 0; rank--) {
            yes |= words[rank][0] == YES;
            if (words[rank][0] == FAILED) {
                failed = rank;
                longest = Math.max(longest, ByteBuffer.wrap(words[rank]).getInt(1));
            }
        }
        if (failed < 0) {
            return yes;
        }
        known = true;
        byte[][] messages = ranks.allGather(Arrays.copyOf(Arrays.copyOf(text, length), longest));
        if (word != FAILED) {
            int bytes = ByteBuffer.wrap(words[failed]).getInt(1);
            throw new RankFailedException(
                    failed,
                    "rank " + failed + " of " + ranks.size() + " failed, so this one ends: "
                            + new String(messages[failed], 0, bytes, StandardCharsets.UTF_8));
        }
        return false;
    }

    private static String message(Throwable failure) {
        return failure.getMessage() == null ? failure.toString() : failure.getMessage();
    }

    private static String hex(byte[] digest) {
        return HexFormat.of().formatHex(digest, 0, Math.min(digest.length, 8));
    }

    /** This rank ends in order because another one failed; the message says which and why. */
    public static final class RankFailedException extends RuntimeException {
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
}
