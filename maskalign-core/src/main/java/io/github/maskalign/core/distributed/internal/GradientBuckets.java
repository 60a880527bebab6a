package io.github.maskalign.core.distributed.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.distributed.Agreement;
import io.github.maskalign.core.distributed.Communicator;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;

/**
 * Sums the gradients of all ranks, many arrays at a time.
 *
 * <p>Large arrays are summed one by one, where they are. Small ones would cost more waiting than moving, so they are
 * laid end to end in buckets of at most 25 MB, in the order in which they are given: the same calls on every rank and in
 * every step. An array is never cut, and which arrays share a bucket does not depend on when they are known, so that a
 * {@link GradualSum} has the bits of a sum of all at once. With one rank nothing happens.
 *
 * <p>Whoever wants a mean scales the arrays before: the sum of what is given is what comes back.
 */
public final class GradientBuckets {
    /** Size of a bucket that PyTorch's data-parallel training uses too. */
    public static final long DEFAULT_BYTES = 25L << 20;

    /** From this size on an array travels alone. */
    public static final long LARGE_BYTES = 1L << 20;

    private static final long IDLE_SECONDS = 30;

    private final Communicator ranks;
    private final long bucketBytes;
    private final Executor thread;

    /**
     * Prepares sums.
     *
     * @param ranks the group
     * @param bucketBytes a bucket is closed before it would grow beyond this, at least 4
     */
    public GradientBuckets(Communicator ranks, long bucketBytes) {
        if (bucketBytes < Float.BYTES) {
            throw new IllegalArgumentException("bucketBytes must be at least 4 but was " + bucketBytes);
        }
        this.ranks = ranks;
        this.bucketBytes = bucketBytes;
        thread = thread();
    }

    /** One thread that ends when it has had nothing to do for a while. */
    private static Executor thread() {
        ThreadPoolExecutor one =
                new ThreadPoolExecutor(1, 1, IDLE_SECONDS, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), work -> {
                    Thread thread = new Thread(work, "maskalign-exchange");
                    thread.setDaemon(true);
                    return thread;
                });
        one.allowCoreThreadTimeOut(true);
        return one;
    }

    /**
     * Returns the sums over all ranks, in order and shape of the arrays.
     *
     * @param arrays FLOAT32, the same shapes on every rank; closed here, unless there is one rank, which gets them back
     * @param owner manager of the results
     */
    public NDList sum(NDList arrays, NDManager owner) {
        if (ranks.size() == 1) {
            return arrays;
        }
        List<Long> elements = new ArrayList<>();
        for (NDArray array : arrays) {
            elements.add(array.size());
        }
        GradualSum sum = new GradualSum(this, elements, owner);
        sum.take(IntStream.range(0, arrays.size()).boxed().toList(), arrays, new NDList());
        return sum.complete();
    }

    /**
     * Begins a sum whose arrays become known one after the other, and which travel while the others are computed.
     *
     * @param elements size of each array, the same on every rank
     * @param owner manager of the results
     * @param agreement the word of the ranks before arrays travel
     */
    public GradualSum gradually(List<Long> elements, NDManager owner, Agreement agreement) {
        return new GradualSum(this, elements, owner, agreement, thread);
    }

    Communicator ranks() {
        return ranks;
    }

    long bucketBytes() {
        return bucketBytes;
    }

    /** Returns which arrays travel alone. */
    public static List<Integer> large(List<Long> elements) {
        return IntStream.range(0, elements.size())
                .filter(i -> elements.get(i) * Float.BYTES >= LARGE_BYTES)
                .boxed()
                .toList();
    }

    /** Returns which of the other arrays share a bucket. */
    public static List<List<Integer>> buckets(List<Long> elements, long bucketBytes) {
        List<List<Integer>> buckets = new ArrayList<>();
        long bytes = bucketBytes; // as if the last bucket were full
        for (int i = 0; i < elements.size(); i++) {
            long more = elements.get(i) * Float.BYTES;
            if (more >= LARGE_BYTES) {
                continue;
            }
            if (buckets.isEmpty() || bytes + more > bucketBytes) {
                buckets.add(new ArrayList<>());
                bytes = 0;
            }
            buckets.get(buckets.size() - 1).add(i);
            bytes += more;
        }
        return buckets;
    }
}
