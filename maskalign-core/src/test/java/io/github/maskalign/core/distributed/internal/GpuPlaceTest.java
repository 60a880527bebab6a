package io.github.maskalign.core.distributed.internal;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.distributed.Communicator.CommunicationException;
import org.junit.jupiter.api.Test;

class GpuPlaceTest {
    @Test
    void ranksThatShareAGpuAreNamed() {
        byte[][] places = {
            GpuPlace.of("machine-a", "0000:3B:00.0"),
            GpuPlace.of("machine-b", "0000:3B:00.0"),
            GpuPlace.of("machine-a", "0000:3B:00.0")
        };

        assertThatThrownBy(() -> GpuPlace.requireDistinct(places))
                .isInstanceOf(CommunicationException.class)
                .hasMessageStartingWith("ranks 0 and 2 use the same GPU, 0000:3B:00.0 of one machine; ")
                .hasMessageContaining("--gpus-per-task");
    }

    @Test
    void theSameAddressOnAnotherMachineIsAnotherGpu() {
        byte[][] places = {
            GpuPlace.of("machine-a", "0000:3B:00.0"),
            GpuPlace.of("machine-b", "0000:3B:00.0"),
            GpuPlace.of("machine-a", "0000:86:00.0")
        };

        assertThatCode(() -> GpuPlace.requireDistinct(places)).doesNotThrowAnyException();
    }
}
