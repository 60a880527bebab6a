package io.github.maskalign.core.distributed;

import ai.djl.ndarray.NDArray;
import io.github.maskalign.core.distributed.Communicator.CommunicationException;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Ranks that are threads of one process and exchange bytes alone: for tests of what is built upon that. */
final class ThreadRanks {
    private final byte[][] board;
    private final CyclicBarrier barrier;

    ThreadRanks(int size) {
        board = new byte[size][];
        barrier = new CyclicBarrier(size);
    }

    Communicator rank(int rank) {
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
                throw new UnsupportedOperationException();
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
            barrier.await(10, TimeUnit.SECONDS);
        } catch (InterruptedException | BrokenBarrierException | TimeoutException e) {
            throw new CommunicationException("a rank did not come", e);
        }
    }
}
