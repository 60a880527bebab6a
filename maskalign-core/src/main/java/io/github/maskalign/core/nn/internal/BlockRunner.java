package io.github.maskalign.core.nn.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.nn.Block;
import ai.djl.training.ParameterStore;

/** How a forward pass runs its blocks: as they are, or with less memory as {@link Recomputation} does. */
public interface BlockRunner {
    /** Runs every block as it is. */
    BlockRunner PLAIN = new BlockRunner() {
        @Override
        public NDArray run(Block block, ParameterStore store, boolean training, NDArray... inputs) {
            return block.forward(store, new NDList(inputs), training).singletonOrThrow();
        }

        @Override
        public NDArray join(NDArray x) {
            return x;
        }
    };

    /**
     * Runs a block of one result.
     *
     * @param block the block; must give the same result when it is run again
     * @param store where the parameters' arrays come from
     * @param training passed on to the block
     * @param inputs its inputs; places of tokens, (N, K) int64, come last
     */
    NDArray run(Block block, ParameterStore store, boolean training, NDArray... inputs);

    /**
     * Returns the same values where a path forks: to be called for every array that several blocks read, or a block and
     * an operation between blocks, and the result to be used in its place.
     */
    NDArray join(NDArray x);
}
