package io.github.maskalign.examples.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.examples.doctor.Machine.CpuInfo;
import io.github.maskalign.examples.doctor.Machine.Sizes;
import org.junit.jupiter.api.Test;

class CpuInfoTest {
    @Test
    void readsTheFirstProcessor() {
        CpuInfo cpu = CpuInfo.parse("""
                processor\t: 0
                model name\t: Fast Processor @ 3.0: GHz
                flags\t\t: fpu avx2 fma avx512f avx512_bf16 fpu

                processor\t: 1
                model name\t: Other
                flags\t\t: fpu
                """);

        assertThat(cpu.notable()).containsExactly("avx2", "fma", "avx512f", "avx512_bf16");
        assertThat(cpu.hasBf16()).isTrue();
        assertThat(cpu.hasAvx512()).isTrue();
    }

    @Test
    void readsArm() {
        CpuInfo cpu = CpuInfo.parse("processor : 0\nFeatures : fp asimd sve bf16\n");

        assertThat(cpu.hasBf16()).isTrue();
        assertThat(cpu.hasAvx512()).isFalse();
    }

    @Test
    void knowsNothingWhereThereIsNoSuchFile() {
        CpuInfo cpu = CpuInfo.parse("");

        assertThat(cpu.notable()).isEmpty();
    }

    @Test
    void memoryCountsWhatCanBeFreed() {
        assertThat(Machine.availableBytes("MemTotal: 100 kB\nMemFree: 3 kB\nMemAvailable:      64 kB\n"))
                .isEqualTo(65_536);
        assertThat(Machine.availableBytes("")).isZero();
    }

    @Test
    void sizesAreReadable() {
        assertThat(Sizes.text(0)).isEqualTo("0 MiB");
        assertThat(Sizes.text(512L << 20)).isEqualTo("512 MiB");
        assertThat(Sizes.text(3L << 29)).isEqualTo("1.5 GiB");
    }
}
