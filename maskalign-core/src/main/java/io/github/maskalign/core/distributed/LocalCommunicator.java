package io.github.maskalign.core.distributed;

import ai.djl.ndarray.NDArray;

/** A group of one process: every sum is what it was, and nothing is waited for. */
public final class LocalCommunicator implements Communicator {
    @Override
    public int rank() {
        return 0;
    }

    @Override
    public int size() {
        return 1;
    }

    @Override
    public int localRank() {
        return 0;
    }

    @Override
    public String description() {
        return "one process";
    }

    @Override
    public void allReduceSum(NDArray array) {
        // the sum over one rank
    }

    @Override
    public void broadcast(NDArray array, int root) {
        if (root != 0) {
            throw new IllegalArgumentException("root must be in [0, 1) but was " + root);
        }
    }

    @Override
    public byte[][] allGather(byte[] mine) {
        return new byte[][] {mine.clone()};
    }

    /** {@inheritDoc} A single process has nobody to take along: this throws. */
    @Override
    public void abort(int exitCode) {
        throw new IllegalStateException("a run of one process ends by its own exception, not by abort");
    }

    @Override
    public void close() {
        // owns nothing
    }
}
