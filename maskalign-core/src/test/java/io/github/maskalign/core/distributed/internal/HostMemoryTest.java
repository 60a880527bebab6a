package io.github.maskalign.core.distributed.internal;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.sun.jna.Pointer;
import io.github.maskalign.core.engine.internal.TensorAddress;
import io.github.maskalign.core.files.internal.PretendedGpuArray;
import org.junit.jupiter.api.Test;

class HostMemoryTest {
    @Test
    void whatComesBackToAGpuGoesWhereTheArrayIs() {
        try (NDManager manager = NDManager.newBaseManager()) {
            TensorAddress addresses = TensorAddress.open(manager);
            NDArray weight = manager.ones(new Shape(2, 2));
            NDArray keptElsewhere = weight.reshape(4);
            Pointer before = addresses.of(weight);
            int arrays = manager.getManagedArrays().size();

            try (NDArray onGpu = PretendedGpuArray.of(weight)) {
                HostMemory.lend(onGpu, elements -> elements.setFloat(0, 7));
            }

            assertThat(addresses.of(weight)).isEqualTo(before);
            assertThat(keptElsewhere.toFloatArray()).containsExactly(7, 1, 1, 1);
            assertThat(manager.getManagedArrays()).hasSize(arrays);
        }
    }
}
