package io.github.maskalign.core.distributed;

import ai.djl.ndarray.NDArray;
import io.github.maskalign.core.distributed.Communicator.CommunicationException;
import io.github.maskalign.core.script.internal.InPlace;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Ranks that are threads of one process, which add in the order of the ranks: for tests of what is built upon that. */
public final class ThreadRanks {
    private final byte[][] board;
    private final float[][] arrays;
    private final List<String> threads = Collections.synchronizedList(new ArrayList<>());
    private final CyclicBarrier barrier;
    private final int patience;

    /** Creates a patient group. */
    public ThreadRanks(int size) {
        this(size, 60);
    }

    /**
     * Creates a group.
     *
     * @param patience seconds that a rank waits for the others
     */
    public ThreadRanks(int size, int patience) {
        this.patience = patience;
        board = new byte[size][];
        arrays = new float[size][];
        barrier = new CyclicBarrier(size);
    }

    /** Returns rank and thread of every sum that was made. */
    public List<String> threads() {
        return List.copyOf(threads);
    }

    /** Returns one of its ranks. */
    public Communicator rank(int rank) {
        return new Communicator() {
            @Override
            public int rank() {
                return rank;
            }

            @Override
            public int size() {
                return board.length;
            }

            @Override
            public int localRank() {
                return rank;
            }

            @Override
            public String description() {
                return "threads";
            }

            @Override
            public void allReduceSum(NDArray array) {
                threads.add(rank + " " + Thread.currentThread().getName());
                arrays[rank] = array.toFloatArray();
                await();
                float[] sum = arrays[0].clone();
                for (int other = 1; other < arrays.length; other++) {
                    for (int i = 0; i < sum.length; i++) {
                        sum[i] += arrays[other][i];
                    }
                }
                await();
                try (NDArray result = array.getManager().create(sum, array.getShape())) {
                    InPlace.copy(result, array);
                }
            }

            @Override
            public boolean sumsAside() {
                return true;
            }

            @Override
            public void broadcast(NDArray array, int root) {
                throw new UnsupportedOperationException();
            }

            @Override
            public byte[][] allGather(byte[] mine) {
                board[rank] = mine;
                await();
                byte[][] all = board.clone();
                await();
                return all;
            }

            @Override
            public void abort(int exitCode) {
                throw new UnsupportedOperationException();
            }

            @Override
            public void close() {}
        };
    }

    private void await() {
        try {
            barrier.await(patience, TimeUnit.SECONDS);
        } catch (InterruptedException | BrokenBarrierException | TimeoutException e) {
            throw new CommunicationException("a rank did not come", e);
        }
    }
}
