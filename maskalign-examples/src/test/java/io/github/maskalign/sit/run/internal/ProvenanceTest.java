package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.distributed.Communicators.LocalCommunicator;
import io.github.maskalign.core.engine.internal.Processor;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.sit.run.RunConfig;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ProvenanceTest {
    @Test
    void everyRunRecordsWhatDecidesItsRoundingsAndItsNumbers() throws Exception {
        Processor processor = Processor.read();

        Map<String, String> facts = facts(Map.of());

        assertThat(facts)
                .containsEntry("processor", processor.model())
                .containsEntry("cpu_capability", processor.capability())
                .containsEntry("blas", processor.blas())
                .containsEntry("random_numbers", Draws.ALGORITHM)
                .doesNotContainKeys("deterministic", "kernel_limits");
        assertThat(Provenance.EXACT)
                .containsAll(Provenance.LATER)
                .contains("processor", "cpu_capability", "blas", "random_numbers", "kernel_limits");
    }

    @Test
    void limitsThatTheEngineDoesNotTellComeFromTheEnvironment() throws Exception {
        assertThat(facts(Map.of("ONEDNN_MAX_CPU_ISA", "AVX2", "MKL_CBWR", "COMPATIBLE", "OTHER", "1")))
                .containsEntry("kernel_limits", "MKL_CBWR=COMPATIBLE, ONEDNN_MAX_CPU_ISA=AVX2");
    }

    private static Map<String, String> facts(Map<String, String> environment) throws Exception {
        RunConfig config = ConfigBinder.bind(Path.of("..", "configs", "emoji-32.yaml"), List.of(), RunConfig.class)
                .value();
        return Provenance.of(config, "1", new LocalCommunicator(), environment);
    }
}
