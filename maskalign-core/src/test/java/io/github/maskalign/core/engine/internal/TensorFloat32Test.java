package io.github.maskalign.core.engine.internal;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** What a GPU makes of it cannot be seen on a CPU; that the engine takes the setting can. */
class TensorFloat32Test {
    @Test
    void isAllowedUntilTheOutermostIsClosed() {
        assertThat(TensorFloat32.isOn()).isFalse();

        try (TensorFloat32 mode = TensorFloat32.on()) {
            assertThat(TensorFloat32.isOn()).isTrue();
            try (TensorFloat32 again = TensorFloat32.on()) {
                assertThat(TensorFloat32.isOn()).isTrue();
            }
            assertThat(TensorFloat32.isOn()).isTrue();
        }

        assertThat(TensorFloat32.isOn()).isFalse();
    }
}
