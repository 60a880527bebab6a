package io.github.maskalign.core.distributed;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;

/**
 * The processes that work on one run, and what they can do together.
 *
 * <p>Every call but {@link #rank}, {@link #size}, {@link #localRank}, {@link #description} and {@link #abort} is
 * collective: it returns once all ranks have made the same call with arrays of the same shapes, in the same order.
 * Calls come from one thread at a time. A call that fails leaves the group unusable: end with {@link #abort}.
 *
 * <p>{@link #close} is collective too, and ends the group in order.
 */
public interface Communicator extends AutoCloseable {
    /** Returns which of the processes this is, in [0, {@link #size}). Rank 0 writes files and logs. */
    int rank();

    /** Returns the number of processes, at least 1. */
    int size();

    /** Returns which of the processes on this machine this is, from 0; it names the device to use. */
    int localRank();

    /** Returns what carries the messages, such as {@code "Open MPI v4.1.4"}, for logs and provenance. */
    String description();

    /**
     * Replaces each element by its sum over all ranks, where it is. Every rank gets the same bits.
     *
     * @param array FLOAT32, FLOAT64 or INT64, contiguous, the same shape on every rank
     * @throws IllegalArgumentException for other types and for views with other strides
     * @throws CommunicationException if the sum cannot be had
     */
    void allReduceSum(NDArray array);

    /**
     * Prepares the sums of several arrays, which another thread may make while this one computes: the same numbers as
     * {@link #allReduceSum} of each, in one batch where the library has batches.
     *
     * <p>To be called by the thread that computes: what it has given to the arrays' device before is part of the arrays.
     * The sums are made, and known to be done, by running what is returned, once. Until then the arrays have to stay
     * open and untouched.
     *
     * @param arrays as for {@link #allReduceSum}
     * @return the collective call
     * @throws IllegalArgumentException as {@link #allReduceSum}, here or when it is run
     */
    default Runnable prepareSums(NDList arrays) {
        return () -> arrays.forEach(this::allReduceSum);
    }

    /**
     * Tells whether prepared sums leave the processor to the thread that computes, as those of GPUs do: then it pays to
     * find gradients one after the other for them.
     */
    default boolean sumsAside() {
        return false;
    }

    /**
     * Overwrites the array with that of one rank.
     *
     * @param array any type of at most 8 bytes an element, contiguous, the same shape and type on every rank
     * @param root the rank that has the values, in [0, {@link #size})
     * @throws IllegalArgumentException for views with other strides
     * @throws CommunicationException if the values cannot be had
     */
    void broadcast(NDArray array, int root);

    /**
     * Returns the bytes of every rank, by rank.
     *
     * @param mine a few bytes, as many on every rank; not changed
     * @throws CommunicationException if they cannot be had
     */
    byte[][] allGather(byte[] mine);

    /** Returns once every rank has come here. */
    default void barrier() {
        allGather(new byte[1]);
    }

    /**
     * Ends all processes of the group at once, this one included. May be called from any thread, and when other ranks
     * are anywhere or nowhere.
     *
     * @param exitCode exit code of this process, above 0
     */
    void abort(int exitCode);

    /** Ends the group once every rank has come here. Later calls have no effect. */
    @Override
    void close();

    /** Tells whether this is the rank that writes files and logs. */
    default boolean isRoot() {
        return rank() == 0;
    }

    /** The exchange between ranks failed: a library is missing or refuses, or another process is gone. */
    final class CommunicationException extends RuntimeException {
        /** Creates the exception with what was tried, what happened and what to do. */
        public CommunicationException(String message) {
            super(message);
        }

        /** Creates the exception with its cause. */
        public CommunicationException(String message, Throwable cause) {
            super(message, cause);
        }
    }
}
