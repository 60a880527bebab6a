package io.github.maskalign.core.engine.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class ProcessStatusTest {
    @Test
    void linesOfTheKernelAreRead() {
        String text = "Name:\tjava\nVmPeak:\t 9999999 kB\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t37\n";

        assertThat(ProcessStatus.parse(text)).contains(new ProcessStatus(1 << 20, 2 << 20, 37));
        assertThat(ProcessStatus.parse("Name:\tjava\n")).isEmpty();
    }

    @Test
    void thisProcessUsesMemoryAndThreads() {
        assumeTrue(Files.exists(Path.of("/proc/self/status")), "needs Linux");

        ProcessStatus status = ProcessStatus.read().orElseThrow();

        assertThat(status.residentBytes()).isGreaterThan(10L << 20);
        assertThat(status.peakResidentBytes()).isGreaterThanOrEqualTo(status.residentBytes());
        assertThat(status.threads()).isGreaterThan(1);
    }

    @Test
    void nativeThreadsCanBeReadAndSet() {
        int before = NativeThreads.count();
        assertThat(before).isPositive();

        NativeThreads.set(1);
        assertThat(NativeThreads.count()).isEqualTo(1);

        NativeThreads.set(before);
    }
}
