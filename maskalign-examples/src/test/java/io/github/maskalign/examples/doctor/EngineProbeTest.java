package io.github.maskalign.examples.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.examples.doctor.Diagnosis.Check;
import io.github.maskalign.examples.doctor.Diagnosis.Check.Result;
import io.github.maskalign.examples.natives.CudaCode;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class EngineProbeTest {
    private static final CudaCode CODE = new CudaCode(new TreeSet<>(List.of(80, 90)), new TreeSet<>());

    @Test
    void aCardWithCodeIsFine() {
        Check check = EngineProbe.card(1, "89", CODE);

        assertThat(check).isEqualTo(new Check("code for gpu 1", Result.OK, "compute capability 8.9", ""));
    }

    @Test
    void aCardWithoutCodeIsNamedWithWhatThereIs() {
        Check check = EngineProbe.card(0, "120", CODE);

        assertThat(check.result()).isEqualTo(Result.FAILED);
        assertThat(check.detail()).isEqualTo("it has compute capability 12.0 but this libtorch has code for 8.0 9.0");
        assertThat(check.remedy()).contains("docs/troubleshooting.md");
    }

    @Test
    void anUnknownCapabilityIsSaid() {
        assertThat(EngineProbe.card(0, "?", CODE).result()).isEqualTo(Result.WARNING);
    }
}
