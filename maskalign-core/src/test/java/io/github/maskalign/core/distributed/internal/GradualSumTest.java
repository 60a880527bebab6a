package io.github.maskalign.core.distributed.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.distributed.Agreement;
import io.github.maskalign.core.distributed.Agreement.RankFailedException;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.distributed.Communicator.CommunicationException;
import io.github.maskalign.core.distributed.ThreadRanks;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.internal.OwnedArrays;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class GradualSumTest {
    private static final int LARGE = (int) (GradientBuckets.LARGE_BYTES / Float.BYTES);
    private static final List<Integer> SIZES = List.of(5, LARGE, 300, LARGE + 7, 3, LARGE, 40, 1);
    private static final NDList NOTHING = new NDList();

    private interface Scene {
        String play(Agreement agreement, GradientBuckets buckets, NDManager manager);
    }

    @Test
    void whatComesOneByOneHasTheBitsOfASumOfAllAtOnce() throws Exception {
        List<String> said = play(3, (agreement, buckets, manager) -> {
            NDList together = buckets.sum(arrays(agreement, manager), manager);
            NDList arrays = arrays(agreement, manager);
            GradualSum sum = buckets.gradually(sizes(), manager, agreement);
            for (List<Integer> places : List.of(List.of(7, 6), List.of(5, 2), List.of(3, 4), List.of(1, 0))) {
                NDList some = new NDList();
                places.forEach(i -> some.add(arrays.get(i)));
                sum.take(places, some, NOTHING);
            }
            sum.drain();
            agreement.any(false);
            NDList gradual = sum.complete();
            for (int i = 0; i < SIZES.size(); i++) {
                assertThat(gradual.get(i).toFloatArray())
                        .isEqualTo(together.get(i).toFloatArray());
            }
            return Arrays.hashCode(gradual.get(3).toFloatArray()) + " same";
        });

        assertThat(said).containsOnly(said.get(0)).hasSize(3);
        assertThat(said.get(0)).endsWith(" same");
    }

    /** Large arrays travel before the rest is known: without that a peer would wait here for ever. */
    @Test
    void theSumsOfLargeArraysAreThereBeforeTheOthersAreKnown() throws Exception {
        List<String> said = play(2, (agreement, buckets, manager) -> {
            NDArray large = manager.ones(new Shape(LARGE));
            GradualSum sum = buckets.gradually(List.of((long) LARGE, 1L), manager, agreement);
            sum.take(List.of(0), new NDList(large.stopGradient()), NOTHING);
            sum.drain();
            String first = large.getFloat(LARGE - 1) + "";
            sum.take(List.of(1), new NDList(manager.ones(new Shape(1))), NOTHING);
            return first + " " + sum.complete().get(1).getFloat(0);
        });

        assertThat(said).containsOnly("2.0 2.0");
    }

    @Test
    void whatIsStillNeededIsNotChanged() throws Exception {
        List<String> said = play(2, (agreement, buckets, manager) -> {
            NDArray both = manager.ones(new Shape(2, LARGE));
            NDArray wholeUsed = manager.ones(new Shape(LARGE));
            NDArray small = wholeUsed.get("5:9"); // a view, waiting for its bucket
            GradualSum sum =
                    buckets.gradually(List.of((long) LARGE, (long) LARGE, 4L, (long) LARGE, 1L), manager, agreement);
            sum.take(List.of(2), new NDList(small), NOTHING);
            sum.take(List.of(0), new NDList(wholeUsed.stopGradient()), NOTHING);
            sum.take(List.of(1, 3), new NDList(both.get(0), both.get(0)), new NDList(both));
            sum.drain();
            String used = both.sum().getFloat() / LARGE + " " + small.sum().getFloat();
            sum.take(List.of(4), new NDList(manager.ones(new Shape(1))), NOTHING);
            NDList sums = sum.complete();
            StringBuilder text = new StringBuilder(used);
            sums.forEach(array -> text.append(' ').append(array.max().getFloat()));
            return text.toString();
        });

        assertThat(said).containsOnly("2.0 4.0 2.0 2.0 2.0 2.0 2.0");
    }

    @Test
    void aRankThatFailsMeanwhileEndsTheOthersInOrder() throws Exception {
        List<String> said = play(3, (agreement, buckets, manager) -> {
            try {
                agreement.together(() -> {
                    NDList arrays = arrays(agreement, manager);
                    GradualSum sum = buckets.gradually(sizes(), manager, agreement);
                    try {
                        for (int i = SIZES.size() - 1; i >= 0; i--) {
                            if (agreement.ranks().rank() == 1 && i == 2) {
                                throw new IllegalStateException("the device is lost");
                            }
                            sum.take(List.of(i), new NDList(arrays.get(i)), NOTHING);
                        }
                        sum.drain();
                    } catch (RuntimeException e) {
                        sum.drain(e);
                        throw e;
                    }
                    return sum;
                });
                return "went on";
            } catch (RuntimeException e) {
                return agreement.isFailureKnown() + " " + e.getMessage() + " " + (e instanceof RankFailedException);
            }
        });

        String others = "true rank 1 of 3 failed, so this one ends: the device is lost true";
        assertThat(said).containsExactly(others, "true the device is lost false", others);
    }

    @Test
    void twoThatFailInTheSameStepBothEnd() throws Exception {
        List<String> said = play(2, (agreement, buckets, manager) -> {
            int rank = agreement.ranks().rank();
            try {
                agreement.together(() -> {
                    NDList arrays = arrays(agreement, manager);
                    GradualSum sum = buckets.gradually(sizes(), manager, agreement);
                    try {
                        for (int i = SIZES.size() - 1; i >= 0; i--) {
                            if (i == 2 + 2 * rank) {
                                throw new IllegalStateException("rank " + rank);
                            }
                            sum.take(List.of(i), new NDList(arrays.get(i)), NOTHING);
                        }
                        return sum;
                    } catch (RuntimeException e) {
                        sum.drain(e);
                        throw e;
                    }
                });
                return "went on";
            } catch (RuntimeException e) {
                return agreement.isFailureKnown() + " " + e.getMessage();
            }
        });

        assertThat(said.get(1)).isEqualTo("true rank 1");
        // rank 0 heard of rank 1 before or after it failed itself
        assertThat(said.get(0)).isIn("true rank 0", "true rank 1 of 2 failed, so this one ends: rank 1");
    }

    @Test
    void aSumThatFailsLeavesNothingToSay() throws Exception {
        Communicator alone = new ThreadRanks(2, 1).rank(0); // the other never comes
        Agreement agreement = new Agreement(alone);
        GradientBuckets buckets = new GradientBuckets(alone, GradientBuckets.DEFAULT_BYTES);
        try (NDManager manager = NDManager.newBaseManager();
                GradMode values = GradMode.off()) {
            assertThatThrownBy(() -> agreement.together(() -> {
                        GradualSum sum = buckets.gradually(List.of((long) LARGE, 1L), manager, agreement);
                        sum.take(List.of(0), new NDList(manager.ones(new Shape(LARGE))), NOTHING);
                        IllegalStateException mine = new IllegalStateException("mine");
                        sum.drain(mine);
                        throw mine;
                    }))
                    .hasMessage("mine")
                    .satisfies(e -> assertThat(e.getSuppressed()[0]).isInstanceOf(CommunicationException.class));
            assertThat(agreement.isFailureKnown()).isFalse(); // so whoever runs this aborts
        }
    }

    @Test
    void wrongCallsAreRefused() {
        Communicator alone = new ThreadRanks(2).rank(0);
        GradientBuckets buckets = new GradientBuckets(alone, GradientBuckets.DEFAULT_BYTES);
        try (NDManager manager = NDManager.newBaseManager()) {
            GradualSum sum = buckets.gradually(List.of(1L, 2L), manager, new Agreement(alone));

            assertThatThrownBy(() ->
                            sum.take(List.of(0), new NDList(manager.zeros(new Shape(1), DataType.INT32)), NOTHING))
                    .hasMessage("gradients must be FLOAT32 but one is int32");
            assertThatThrownBy(sum::complete).hasMessage("2 arrays of a sum over the ranks were not given");
        }
    }

    private static List<Long> sizes() {
        return SIZES.stream().map(Integer::longValue).toList();
    }

    /** Numbers that round. */
    private static NDList arrays(Agreement agreement, NDManager manager) {
        SplittableRandom random = new SplittableRandom(agreement.ranks().rank());
        NDList arrays = new NDList();
        for (int size : SIZES) {
            float[] values = new float[size];
            for (int i = 0; i < size; i++) {
                values[i] = (float) random.nextDouble(-1, 1);
            }
            arrays.add(OwnedArrays.of(manager, new Shape(size), values));
        }
        return arrays;
    }

    private static List<String> play(int size, Scene scene) throws Exception {
        ThreadRanks ranks = new ThreadRanks(size);
        List<CompletableFuture<String>> running = new ArrayList<>();
        for (int rank = 0; rank < size; rank++) {
            Communicator own = ranks.rank(rank);
            CompletableFuture<String> answer = new CompletableFuture<>();
            running.add(answer);
            new Thread(() -> {
                        try (NDManager manager = NDManager.newBaseManager();
                                GradMode values = GradMode.off()) {
                            GradientBuckets buckets = new GradientBuckets(own, GradientBuckets.DEFAULT_BYTES);
                            answer.complete(scene.play(new Agreement(own), buckets, manager));
                        } catch (Throwable e) {
                            answer.completeExceptionally(e);
                        }
                    })
                    .start();
        }
        List<String> said = new ArrayList<>();
        for (CompletableFuture<String> answer : running) {
            said.add(answer.get(120, TimeUnit.SECONDS));
        }
        return Collections.unmodifiableList(said);
    }
}
