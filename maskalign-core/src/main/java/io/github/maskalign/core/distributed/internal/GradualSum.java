package io.github.maskalign.core.distributed.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import io.github.maskalign.core.distributed.Agreement;
import io.github.maskalign.core.distributed.Communicator.CommunicationException;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.script.Autograd.Receiver;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * One sum over the ranks whose arrays become known one after the other: what is known travels while the rest is computed.
 *
 * <p>What travels together, and so every bit of the sums, is what {@link GradientBuckets} says, whenever it travels: a
 * large array once it is known, a bucket once all of its arrays are. What one call of {@link #take} completes is one
 * batch. The last batch, which nothing could overlap, waits for {@link #complete}.
 *
 * <p><b>Two threads and the word.</b> The batches go to a second thread, which exchanges a word (see {@link Agreement})
 * before each of them and then makes the sums, in the order in which they were given, the same on every rank. The thread
 * that computes must not use the group until {@link #drain}: the communicators allow one thread at a time.
 *
 * <p><b>A rank that fails</b> while it computes cannot leave the sums that it has begun. So {@link #drain} waits for
 * them: the others are on their way to the same words and sums, which nothing keeps them from. Then the rank says that it
 * failed in place of its next word. There the others hear it, on their second thread, and each ends where it next gives
 * an array or drains. If the exchange itself has failed, no word can be said, and only {@code abort} ends the others, as
 * for any other exchange.
 *
 * <p>All arrays that were given belong to the owner until it is closed, so no memory is freed that a sum still writes.
 */
public final class GradualSum implements Receiver {
    private static final ScriptFunction SEPARATE = ScriptFunction.of(GradualSum.class, "buckets.py", "separate");
    private static final ScriptFunction APART = ScriptFunction.of(GradualSum.class, "buckets.py", "apart");
    private static final ScriptFunction FLATTEN = ScriptFunction.of(GradualSum.class, "buckets.py", "flatten");
    private static final ScriptFunction RESTORE = ScriptFunction.of(GradualSum.class, "buckets.py", "restore");

    private static final int LARGE = -1;

    private final GradientBuckets plan;
    private final NDManager owner;
    private final @Nullable Agreement agreement;
    private final Executor thread;
    private final NDArray[] known;
    private final List<Bucket> buckets = new ArrayList<>();
    private final int[] bucketOf;
    private final List<CompletableFuture<Void>> running = new ArrayList<>();
    private NDList last = new NDList();
    private int missing;
    private volatile @Nullable Throwable failure;

    private static final class Bucket {
        private final List<Integer> members;
        private int missing;
        private @Nullable NDArray flat;

        Bucket(List<Integer> members) {
            this.members = members;
            missing = members.size();
        }
    }

    /** A sum of arrays that are all known: nothing travels before {@link #complete}. */
    GradualSum(GradientBuckets plan, List<Long> elements, NDManager owner) {
        this(plan, elements, owner, null, Runnable::run);
    }

    GradualSum(
            GradientBuckets plan,
            List<Long> elements,
            NDManager owner,
            @Nullable Agreement agreement,
            Executor thread) {
        this.plan = plan;
        this.owner = owner;
        this.agreement = agreement;
        this.thread = thread;
        known = new NDArray[elements.size()];
        missing = known.length;
        bucketOf = new int[known.length];
        Arrays.fill(bucketOf, LARGE);
        for (List<Integer> members : GradientBuckets.buckets(elements, plan.bucketBytes())) {
            members.forEach(i -> bucketOf[i] = buckets.size());
            buckets.add(new Bucket(members));
        }
    }

    /**
     * {@inheritDoc}
     *
     * @throws RuntimeException what an earlier batch has failed with, or another rank
     */
    @Override
    public void take(List<Integer> which, NDList arrays, NDList inUse) {
        requireNoFailure();
        NDList large = new NDList();
        List<Integer> largePlaces = new ArrayList<>();
        List<Bucket> full = new ArrayList<>();
        for (int i = 0; i < arrays.size(); i++) {
            NDArray array = arrays.get(i);
            if (array.getDataType() != DataType.FLOAT32) {
                throw new IllegalArgumentException("gradients must be FLOAT32 but one is " + array.getDataType());
            }
            int place = which.get(i);
            known[place] = array;
            missing--;
            if (bucketOf[place] == LARGE) {
                large.add(array);
                largePlaces.add(place);
            } else {
                Bucket bucket = buckets.get(bucketOf[place]);
                if (--bucket.missing == 0) {
                    full.add(bucket);
                }
            }
        }
        NDList batch = new NDList();
        try (GradMode values = GradMode.off()) {
            for (Bucket bucket : full) { // before anything is changed in place
                NDList members = new NDList();
                bucket.members.forEach(i -> members.add(known[i]));
                bucket.flat = FLATTEN.callOn(owner, members).singletonOrThrow();
                batch.add(bucket.flat);
            }
            if (!large.isEmpty()) {
                NDList own = whereTheyAre(large, inUse);
                for (int i = 0; i < own.size(); i++) {
                    known[largePlaces.get(i)] = own.get(i);
                }
                batch.addAll(own);
            }
        }
        if (missing == 0) {
            last = batch;
        } else if (!batch.isEmpty()) {
            begin(batch);
        }
    }

    /** The arrays themselves, or copies of those that must not be changed in place. */
    private NDList whereTheyAre(NDList large, NDList inUse) {
        if (missing == 0 && inUse.isEmpty() && running.isEmpty()) { // all at once: nobody else reads them
            try (large) {
                return SEPARATE.callOn(owner, large); // other handles of the same memory
            }
        }
        NDList all = new NDList(large);
        all.addAll(inUse);
        for (int i = 0; i < known.length; i++) { // small ones that wait for their bucket
            if (known[i] != null && bucketOf[i] != LARGE && buckets.get(bucketOf[i]).missing > 0) {
                all.add(known[i]);
            }
        }
        try (large) {
            return APART.callOn(owner, all, large.size());
        }
    }

    private void begin(NDList batch) {
        Agreement words = agreement;
        if (words == null) {
            throw new IllegalStateException("the sum of arrays that come one by one needs an agreement");
        }
        Runnable sums = plan.ranks().prepareSums(batch);
        running.add(CompletableFuture.runAsync(
                () -> {
                    if (failure != null) {
                        return;
                    }
                    try {
                        words.any(false);
                        made(sums);
                    } catch (RuntimeException | Error e) {
                        failure = e;
                    }
                },
                thread));
    }

    /**
     * Waits for what travels; afterwards this thread may use the group.
     *
     * @throws RuntimeException what a batch has failed with, or another rank
     */
    public void drain() {
        running.forEach(CompletableFuture::join);
        requireNoFailure();
    }

    /** Waits for what travels, since this rank has failed, so that it can tell the others why. */
    public void drain(Throwable failed) {
        running.forEach(CompletableFuture::join);
        Throwable other = failure;
        if (other != null && other != failed) {
            if (agreement != null) {
                agreement.fail(other); // says nothing if the others know, and notes that nothing can be said if so
            }
            failed.addSuppressed(other);
        }
    }

    /**
     * Sums what is left and returns all sums, in order and shape of the arrays. The ranks have given their word for it.
     *
     * @throws CommunicationException if the sums cannot be had
     */
    public NDList complete() {
        if (missing > 0) {
            throw new IllegalStateException(missing + " arrays of a sum over the ranks were not given");
        }
        made(() -> plan.ranks().prepareSums(last).run());
        try (GradMode values = GradMode.off()) {
            for (Bucket bucket : buckets) {
                NDList members = new NDList();
                bucket.members.forEach(i -> members.add(known[i]));
                try (members;
                        NDArray flat =
                                Objects.requireNonNull(bucket.flat, "a bucket is full once nothing is missing")) {
                    NDList views = RESTORE.callOn(owner, flat, members); // they keep the memory
                    for (int i = 0; i < views.size(); i++) {
                        known[bucket.members.get(i)] = views.get(i);
                    }
                }
            }
        }
        return new NDList(known);
    }

    /** Once the word is given the others wait in the sum: then there is no word to tell them by. */
    private static void made(Runnable sums) {
        try {
            sums.run();
        } catch (CommunicationException e) {
            throw e;
        } catch (RuntimeException | Error e) {
            throw new CommunicationException("the gradients could not be summed over the ranks: " + e.getMessage(), e);
        }
    }

    private void requireNoFailure() {
        Throwable found = failure;
        if (found instanceof Error error) {
            throw error;
        }
        if (found != null) {
            throw (RuntimeException) found;
        }
    }
}
