package io.github.maskalign.core.train;

import ai.djl.ndarray.NDArray;
import io.github.maskalign.core.distributed.Agreement;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.train.RunCheckpoints.StateArrays;
import io.github.maskalign.core.train.TrainListener.StartKind;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.zip.CRC32C;

/** The states of all ranks, which have to be one and the same. */
final class RankedState {
    private final TrainState state;
    private final Agreement agreement;

    RankedState(TrainState state, Agreement agreement) {
        this.state = state;
        this.agreement = agreement;
    }

    /** Checks that all ranks are about to train the same weights in the same way. */
    void requireSamePlan(TrainConfig config, OptimConfig optim) {
        if (alone()) {
            return;
        }
        StringBuilder plan = new StringBuilder().append(config).append(optim).append(state.trainedKeys());
        state.weights().forEach((key, weight) -> plan.append(key).append(weight.getShape()));
        CRC32C sum = new CRC32C();
        sum.update(plan.toString().getBytes(StandardCharsets.UTF_8));
        agreement.requireSame("the digest of model and settings", digest(sum));
    }

    /** Gives every rank the state of rank 0. */
    StartKind spread(StartKind kind) {
        if (alone()) {
            return kind;
        }
        Communicator ranks = agreement.ranks();
        ByteBuffer mine = ByteBuffer.allocate(3 * Long.BYTES);
        mine.putLong(kind.ordinal()).putLong(state.step()).putLong(state.skipped());
        ByteBuffer root = ByteBuffer.wrap(ranks.allGather(mine.array())[0]);
        StartKind started = StartKind.values()[Math.toIntExact(root.getLong())];
        state.moveTo(root.getLong(), root.getLong());
        for (Map<String, NDArray> arrays : StateArrays.of(state).files().values()) {
            arrays.values().forEach(array -> ranks.broadcast(array, 0));
        }
        return started;
    }

    /** Checks that all ranks still have the same bits; a processor that computes wrongly is found here. */
    void requireSameWeights() {
        if (alone()) {
            return;
        }
        CRC32C sum = new CRC32C();
        try {
            for (NDArray weight : state.weights().values()) {
                TensorSource.of(weight).sendTo(sum::update); // leaves no copy of it on the host
            }
        } catch (IOException e) { // reading arrays reads no file
            throw new UncheckedIOException(e);
        }
        agreement.requireSame("the digest of the weights after step " + state.step(), digest(sum));
    }

    private boolean alone() {
        return agreement.ranks().size() == 1;
    }

    private static byte[] digest(CRC32C sum) {
        return ByteBuffer.allocate(Integer.BYTES).putInt((int) sum.getValue()).array();
    }
}
