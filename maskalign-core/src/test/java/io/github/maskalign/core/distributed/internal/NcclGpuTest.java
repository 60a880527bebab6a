package io.github.maskalign.core.distributed.internal;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.distributed.Launch;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The real NCCL with a group of one: run with {@code mvn verify -Pcuda,gpu}. */
@Tag("gpu")
class NcclGpuTest {
    @Test
    void aGroupOfOneKeepsItsNumbersOnTheGpu() throws Exception {
        Assumptions.assumeTrue(Engine.getInstance().getGpuCount() > 0, "needs a GPU and profile cuda");
        Launch launch;
        try (ServerSocket free = new ServerSocket(0)) {
            launch = new Launch(
                    Launch.Kind.TORCHRUN, 0, 1, 0, Optional.of(new Launch.Address("localhost", free.getLocalPort())));
        }
        Device device = Device.gpu(0);
        try (NDManager manager = NDManager.newBaseManager(device)) {
            NDArray array = manager.arange(6f).reshape(2, 3).mul(2);
            NDArray longs = manager.ones(new Shape(5)).toType(DataType.INT64, false);
            try (Communicator ranks =
                    new NcclCommunicator(launch, NcclLibrary.load(), device, null, Duration.ofMinutes(1), code -> {})) {
                ranks.allReduceSum(array); // queued behind the product
                ranks.allReduceSum(longs);
                ranks.broadcast(array, 0);
                NDArray after = array.add(1); // and the sum behind it

                assertThat(ranks.description()).startsWith("NCCL 2.");
                assertThat(after.toFloatArray()).containsExactly(1, 3, 5, 7, 9, 11);
                assertThat(longs.toLongArray()).containsExactly(1, 1, 1, 1, 1);
                assertThat(ranks.allGather(new byte[] {4, -5})).isDeepEqualTo(new byte[][] {{4, -5}});
            }
        }
    }
}
