package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import io.github.maskalign.examples.DeviceOption.Choice;
import java.util.Map;
import org.junit.jupiter.api.Test;

class DeviceOptionTest {
    @Test
    void aGpuIsTakenWhereThereIsOne() {
        assertThat(DeviceOption.of(null, 1, 0, Map.of()))
                .isEqualTo(new Choice(Device.gpu(0), "the engine sees 1 GPU; --device cpu takes the CPU"));
        assertThat(DeviceOption.of(null, 0, 0, Map.of())).isEqualTo(new Choice(Device.cpu(), "the engine sees no GPU"));
    }

    @Test
    void theOptionDecides() {
        assertThat(DeviceOption.of("cpu", 2, 1, Map.of())).isEqualTo(new Choice(Device.cpu(), "--device says so"));
        assertThat(DeviceOption.of("gpu", 2, 0, Map.of()))
                .isEqualTo(new Choice(Device.gpu(0), "--device says so, and the engine sees 2 GPUs"));
    }

    @Test
    void eachProcessOfAMachineTakesItsOwn() {
        assertThat(DeviceOption.of(null, 4, 3, Map.of()).device()).isEqualTo(Device.gpu(3));
        assertThat(DeviceOption.of("gpu", 1, 3, Map.of("CUDA_VISIBLE_DEVICES", "3"))
                        .device())
                .isEqualTo(Device.gpu(0));
        assertThatThrownBy(() -> DeviceOption.of(null, 2, 2, Map.of()))
                .hasMessageContaining("every process needs a GPU of its own");
        assertThat(DeviceOption.of("cpu", 2, 2, Map.of()).device()).isEqualTo(Device.cpu());
    }

    @Test
    void whatCannotBeIsRefused() {
        assertThatThrownBy(() -> DeviceOption.of("gpu", 0, 0, Map.of()))
                .hasMessage("--device is gpu but the engine sees none; run 'maskalign doctor'");
        assertThatThrownBy(() -> DeviceOption.of("tpu", 1, 0, Map.of()))
                .hasMessage("--device must be cpu or gpu but was tpu");
    }
}
