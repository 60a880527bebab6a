package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.engine.internal.Determinism;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.RunConfig.RuntimeSection;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class DeterministicModeTest {
    private static RuntimeSection runtime(String... overrides) {
        Path file = Path.of("..", "configs", "emoji-32.yaml");
        return ConfigBinder.bind(file, List.of(overrides), RunConfig.class)
                .value()
                .runtime();
    }

    @Test
    void modeLastsAsLongAsTheRunAndOnlyIfItIsAskedFor() {
        try (DeterministicMode mode = DeterministicMode.of(runtime(), Map.of())) {
            assertThat(Determinism.isOn()).isFalse();
        }
        try (DeterministicMode mode = DeterministicMode.of(runtime("runtime.deterministic=true"), Map.of())) {
            assertThat(Determinism.isOn()).isTrue();
        }
        assertThat(Determinism.isOn()).isFalse();
    }

    @Test
    void gpuNeedsARepeatableWorkspace() {
        RuntimeSection gpu = runtime("runtime.device=gpu", "runtime.deterministic=true");

        assertThatThrownBy(() -> DeterministicMode.of(gpu, Map.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("runtime.deterministic needs CUBLAS_WORKSPACE_CONFIG=:4096:8 (or :16:8) in the environment,"
                        + " because cuBLAS repeats its sums only then, but it was not set; start with"
                        + " 'CUBLAS_WORKSPACE_CONFIG=:4096:8 scripts/maskalign train ...'");
        assertThatThrownBy(() -> DeterministicMode.of(gpu, Map.of("CUBLAS_WORKSPACE_CONFIG", ":0:0")))
                .hasMessageContaining("but it was :0:0;");
        try (DeterministicMode mode = DeterministicMode.of(gpu, Map.of("CUBLAS_WORKSPACE_CONFIG", ":16:8"))) {
            assertThat(Determinism.isOn()).isTrue();
        }
    }
}
