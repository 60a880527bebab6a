package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import io.github.maskalign.core.distributed.Agreement;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.distributed.Communicator.CommunicationException;
import io.github.maskalign.core.files.internal.PretendedGpuArray;
import io.github.maskalign.core.train.TrainLoop.RankedState;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class RankedStateTest {
    private static final int SAVES = 20;

    @Test
    void comparingWeightsOfAGpuLeavesNothingOnTheHost() {
        try (NDManager manager = NDManager.newBaseManager();
                TrainState state = new TrainState(manager, parameters(manager))) {
            RankedState ranked = new RankedState(state, new Agreement(new TwoAlike(0)));
            int arrays = manager.getManagedArrays().size();
            int ofState = state.manager().getManagedArrays().size();

            for (int i = 0; i < SAVES; i++) {
                ranked.requireSameWeights();
            }

            assertThat(manager.getManagedArrays()).hasSize(arrays);
            assertThat(state.manager().getManagedArrays()).hasSize(ofState);
        }
    }

    @Test
    void weightsThatDifferAreFound() {
        try (NDManager manager = NDManager.newBaseManager();
                TrainState state = new TrainState(manager, parameters(manager))) {
            RankedState ranked = new RankedState(state, new Agreement(new TwoAlike(1)));

            assertThatThrownBy(ranked::requireSameWeights)
                    .isInstanceOf(CommunicationException.class)
                    .hasMessageContaining("digest of the weights after step 0");
        }
    }

    private static Map<String, Parameter> parameters(NDManager manager) {
        Map<String, Parameter> parameters = new LinkedHashMap<>();
        parameters.put("trained", parameter(manager.ones(new Shape(4)), true));
        parameters.put("on.gpu", parameter(PretendedGpuArray.of(manager.ones(new Shape(8, 8))), false));
        return parameters;
    }

    private static Parameter parameter(NDArray array, boolean trained) {
        Parameter parameter = Parameter.builder()
                .setName("weight")
                .setType(Parameter.Type.WEIGHT)
                .optRequiresGrad(trained)
                .build();
        parameter.setArray(array);
        return parameter;
    }

    /** Rank 0 of two of which the other has the same, or another last byte in what has four. */
    private record TwoAlike(int difference) implements Communicator {
        @Override
        public int rank() {
            return 0;
        }

        @Override
        public int size() {
            return 2;
        }

        @Override
        public int localRank() {
            return 0;
        }

        @Override
        public String description() {
            return "two alike";
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
            byte[] other = mine.clone();
            if (mine.length == Integer.BYTES) {
                other[3] += (byte) difference;
            }
            return new byte[][] {mine, other};
        }

        @Override
        public void abort(int exitCode) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void close() {}
    }
}
