package io.github.maskalign.core.engine.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("bits")
class ProcessorTest {
    @Test
    void firstModelNameCounts() {
        assertThat(Processor.model(Stream.of("processor\t: 0", "model name\t: Fast @ 3.0: GHz", "model name : Other")))
                .isEqualTo("Fast @ 3.0: GHz");
        assertThat(Processor.model(Stream.of("Features : asimd"))).isEqualTo("unknown");
    }

    @Test
    void wordsOfTheEngineBecomeThoseOfItsVariable() {
        assertThat(List.of("NO AVX", "DEFAULT", "AVX2", "AVX512"))
                .map(Processor::capability)
                .containsExactly("default", "default", "avx2", "avx512");
    }

    @Test
    void libraryIsNamedWithItsKernels() {
        String mkl = "Intel(R) oneAPI Math Kernel Library Version 2022.2-Product Build 20220804 for Intel(R) 64"
                + " architecture applications";

        assertThat(Processor.blas(mkl, Optional.of(7))).isEqualTo("MKL 2022.2, AVX-512 kernels");
        assertThat(Processor.blas(mkl, Optional.of(0))).isEqualTo("MKL 2022.2, generic kernels");
        assertThat(Processor.blas(mkl, Optional.of(11))).isEqualTo("MKL 2022.2, number 11 kernels");
        assertThat(Processor.blas("Another 1.0 ", Optional.empty())).isEqualTo("Another 1.0, unknown kernels");
    }

    @Test
    void engineSaysWhichKernelsItTakesAndHeedsTheEnvironment() throws Exception {
        Processor here = Processor.read();
        assumeFalse(here.capability().equals(Processor.UNKNOWN), "natives that do not tell");
        assertThat(here).isEqualTo(Processor.read());
        assertThat(here.capability()).isIn("default", "avx2", "avx512");

        assertThat(inProcessWith("default")).isEqualTo(new Processor(here.model(), "default", here.blas()).toString());
        if (!here.capability().equals("default")) {
            assertThat(inProcessWith("avx2")).isEqualTo(new Processor(here.model(), "avx2", here.blas()).toString());
        }
    }

    private static String inProcessWith(String capability) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(
                System.getProperty("java.home") + "/bin/java",
                "-DOPT_OUT_TRACKING=true",
                "-Dai.djl.offline=true",
                "-cp",
                System.getProperty("java.class.path"),
                Program.class.getName());
        builder.environment().put("ATEN_CPU_CAPABILITY", capability);
        Process process = builder.redirectError(ProcessBuilder.Redirect.INHERIT).start();
        String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).isZero();
        return text.strip().lines().reduce((first, second) -> second).orElse("");
    }

    /** Prints what a process of its own finds. */
    static final class Program {
        public static void main(String[] args) {
            System.out.println(Processor.read());
        }
    }
}
