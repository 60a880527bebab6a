package io.github.maskalign.core.distributed.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Sums the gradients of all ranks, many arrays at a time.
 *
 * <p>Large arrays are summed one by one, where they are. Small ones would cost more waiting than moving, so they are
 * laid end to end in buckets of at most 25 MB, in the order in which they are given: the same calls on every rank and in
 * every step. An array is never cut. With one rank nothing happens.
 *
 * <p>Whoever wants a mean scales the arrays before: the sum of what is given is what comes back.
 */
public final class GradientBuckets {
    /** Size of a bucket that PyTorch's data-parallel training uses too. */
    public static final long DEFAULT_BYTES = 25L << 20;

    /** From this size on an array travels alone. */
    public static final long LARGE_BYTES = 1L << 20;

    private static final ScriptFunction SEPARATE = ScriptFunction.of(GradientBuckets.class, "buckets.py", "separate");
    private static final ScriptFunction FLATTEN = ScriptFunction.of(GradientBuckets.class, "buckets.py", "flatten");
    private static final ScriptFunction RESTORE = ScriptFunction.of(GradientBuckets.class, "buckets.py", "restore");

    private final Communicator ranks;
    private final long bucketBytes;

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
            if (array.getDataType() != DataType.FLOAT32) {
                throw new IllegalArgumentException("gradients must be FLOAT32 but one is " + array.getDataType());
            }
            elements.add(array.size());
        }
        NDArray[] sums = new NDArray[arrays.size()];
        List<Integer> large = large(elements);
        try (GradMode values = GradMode.off()) {
            if (!large.isEmpty()) {
                NDList separate = sumWhereTheyAre(pick(arrays, large), owner);
                place(separate, large, sums);
            }
            for (List<Integer> bucket : buckets(elements, bucketBytes)) {
                place(sumBucket(pick(arrays, bucket), owner), bucket, sums);
            }
        }
        return new NDList(sums);
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

    private static NDList pick(NDList arrays, List<Integer> indices) {
        NDList picked = new NDList();
        indices.forEach(i -> picked.add(arrays.get(i)));
        return picked;
    }

    private static void place(NDList arrays, List<Integer> indices, NDArray[] target) {
        for (int i = 0; i < indices.size(); i++) {
            target[indices.get(i)] = arrays.get(i);
        }
    }

    private NDList sumWhereTheyAre(NDList arrays, NDManager owner) {
        NDList separate;
        try (arrays) {
            separate = SEPARATE.callOn(owner, arrays); // other handles of the same memory
        }
        separate.forEach(ranks::allReduceSum);
        return separate;
    }

    private NDList sumBucket(NDList parts, NDManager owner) {
        try (parts;
                NDArray flat = FLATTEN.callOn(owner, parts).singletonOrThrow()) {
            ranks.allReduceSum(flat);
            return RESTORE.callOn(owner, flat, parts); // views keep the memory
        }
    }
}
