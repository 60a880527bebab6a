package io.github.maskalign.core.distributed;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.ArrayList;
import java.util.List;

/**
 * Sums the gradients of all ranks, many arrays at a time.
 *
 * <p>Small arrays one by one would cost more waiting than moving, so arrays that follow each other are laid end to end
 * in buckets of about 25 MB, in the order in which they are given: the same buckets on every rank and in every step.
 * An array is never cut. With one rank nothing is copied.
 *
 * <p>Whoever wants a mean scales the arrays before: the sum of what is given is what comes back.
 */
public final class GradientBuckets {
    /** Size that PyTorch's data-parallel training uses too. */
    public static final long DEFAULT_BYTES = 25L << 20;

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
        NDList sums = new NDList();
        try (GradMode values = GradMode.off()) {
            int first = 0;
            for (int end : ends(elements, bucketBytes)) {
                sums.addAll(sumBucket(arrays.subList(first, end), owner));
                first = end;
            }
        }
        return sums;
    }

    /** Returns where each bucket ends: the index after its last array. */
    static List<Integer> ends(List<Long> elements, long bucketBytes) {
        List<Integer> ends = new ArrayList<>();
        long bytes = 0;
        for (int i = 0; i < elements.size(); i++) {
            long more = elements.get(i) * Float.BYTES;
            if (i > 0 && bytes + more > bucketBytes) {
                ends.add(i);
                bytes = 0;
            }
            bytes += more;
        }
        if (!elements.isEmpty()) {
            ends.add(elements.size());
        }
        return ends;
    }

    private NDList sumBucket(List<NDArray> arrays, NDManager owner) {
        try (NDList parts = new NDList(arrays);
                NDArray flat = FLATTEN.callOn(owner, parts).singletonOrThrow()) {
            ranks.allReduceSum(flat);
            return RESTORE.callOn(owner, flat, parts); // views keep the memory
        }
    }
}
