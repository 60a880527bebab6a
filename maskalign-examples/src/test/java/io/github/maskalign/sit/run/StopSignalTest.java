package io.github.maskalign.sit.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.github.maskalign.examples.ChildJvm;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StopSignalTest {
    @ParameterizedTest
    @CsvSource({"TERM, 143", "INT, 130"})
    @EnabledOnOs(OS.LINUX)
    @Timeout(60)
    void runEndsInOrderWithTheExitCodeOfTheSignal(String signal, int exitCode)
            throws IOException, InterruptedException {
        assumeThat(isIgnored(signal))
                .as(
                        "SIG%s is ignored, as in a job that a shell started in the background, and children inherit that",
                        signal)
                .isFalse();
        Process child = ChildJvm.start(Run.class);
        try (BufferedReader out =
                new BufferedReader(new InputStreamReader(child.getInputStream(), StandardCharsets.UTF_8))) {
            assertThat(out.readLine()).isEqualTo("running");

            new ProcessBuilder("kill", "-" + signal, String.valueOf(child.pid()))
                    .start()
                    .waitFor();

            assertThat(out.readLine()).isEqualTo("saved");
            assertThat(child.waitFor(30, TimeUnit.SECONDS)).isTrue();
            assertThat(child.exitValue()).isEqualTo(exitCode);
        } finally {
            child.destroyForcibly();
        }
    }

    /** A JVM leaves a signal alone that was ignored when it started. */
    private static boolean isIgnored(String signal) throws IOException {
        int bit = signal.equals("INT") ? 1 : 14;
        return Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(line -> line.startsWith("SigIgn:"))
                .anyMatch(line -> (Long.parseUnsignedLong(
                                                line.substring("SigIgn:".length())
                                                        .strip(),
                                                16)
                                        >> bit
                                & 1)
                        == 1);
    }

    @Test
    void runThatEndsByItselfLeavesNoHook() {
        StopSignal signal = StopSignal.listen(() -> {});
        signal.close();

        assertThat(signal.requested()).isFalse();
        signal.close(); // a second time does no harm
    }

    /** A run that saves when it is asked to stop. */
    static final class Run {
        private Run() {}

        @SuppressWarnings("SystemOut")
        public static void main(String[] args) throws InterruptedException {
            CountDownLatch asked = new CountDownLatch(1);
            try (StopSignal stop = StopSignal.listen(asked::countDown)) {
                System.out.println("running");
                asked.await();
                if (!stop.requested()) {
                    throw new AssertionError("stopped without being asked to");
                }
                Thread.sleep(200); // longer than a JVM takes that does not wait
                System.out.println("saved");
            }
            System.exit(0); // as Main does: the signal's exit code has to win
        }
    }
}
