package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LocalGpuTest {
    @Test
    void ranksThatSeeAllGpusTakeOneEach() {
        for (int rank = 0; rank < 4; rank++) {
            assertThat(LocalGpu.of(rank, 4, Map.of())).isEqualTo(Device.gpu(rank));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "SLURM_STEP_GPUS", "SLURM_GPUS_PER_TASK"})
    void ranksThatWereGivenGpusTakeTheirOwn(String variable) {
        Map<String, String> environment = Map.of(variable, "3");

        assertThat(LocalGpu.of(3, 1, environment)).isEqualTo(Device.gpu(0));
        assertThat(LocalGpu.of(1, 2, environment)).isEqualTo(Device.gpu(1));
    }

    @Test
    void ranksThatShareAGpuAreRefused() {
        assertThatThrownBy(() -> LocalGpu.of(2, 2, Map.of("CUDA_VISIBLE_DEVICES", "")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("the engine sees 2 and this is process 3 of this machine")
                .hasMessageContaining("--gpus-per-task");
    }
}
