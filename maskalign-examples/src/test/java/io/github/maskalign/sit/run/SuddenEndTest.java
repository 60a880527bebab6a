package io.github.maskalign.sit.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.examples.ChildJvm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** A JVM that is told to end while the engine computes: by the exit code that it was given, never by a crash. */
@EnabledOnOs(OS.LINUX)
class SuddenEndTest {
    private static final int EXIT = 7;
    private static final int TERM = 143;
    private static final Duration STEPS = Duration.ofSeconds(2); // two cores take half a second a step

    @TempDir
    Path folder;

    @Test
    void exitOfAnotherThreadKeepsItsCode() throws Exception {
        assertThat(end(0, 1500, false)).isEqualTo(EXIT);
    }

    @Test
    void signalToProgramThatListensSavesItsStep() throws Exception {
        assertThat(end(300, 0, true)).isEqualTo(TERM);
        assertThat(said()).contains("SCRATCH", "step 1");
        assertThat(states()).as(said()).isNotEmpty();
    }

    /** Without the end behind the engine's destructors about one in three of these is a SIGABRT or SIGSEGV. */
    @Test
    @Tag("slow")
    void twentyEndsAtRandomTimesAreNoCrash() throws Exception {
        Random random = new Random(20);
        for (int i = 0; i < 20; i++) {
            long after = 1 + random.nextLong(STEPS.toMillis());
            int code = i % 2 == 0 ? end(after, 0, false) : end(0, after, false);
            assertThat(code).as("%s: after %s ms: %s", i, after, said()).isEqualTo(i % 2 == 0 ? TERM : EXIT);
        }
    }

    /**
     * Starts the program and lets it end.
     *
     * @param termAfter ms from the first step's beginning to SIGTERM; 0 for none
     * @param exitAfter ms to {@code System.exit}; 0 for none
     * @return its exit code
     */
    private int end(long termAfter, long exitAfter, boolean listens) throws IOException, InterruptedException {
        Files.deleteIfExists(folder.resolve("said.txt"));
        ProcessBuilder builder = ChildJvm.builder(
                EndlessProgram.class,
                folder.resolve("run").toString(),
                Long.toString(exitAfter),
                Boolean.toString(listens));
        builder.environment().put("OPT_OUT_TRACKING", "true");
        builder.environment().put("DJL_OFFLINE", "true");
        Process child = builder.directory(folder.toFile()) // where a crash leaves its hs_err file
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("said.txt").toFile())
                .start();
        try {
            if (termAfter > 0) {
                long limit = System.nanoTime() + TimeUnit.SECONDS.toNanos(120);
                while (!said().contains("SCRATCH") && child.isAlive() && System.nanoTime() < limit) {
                    Thread.sleep(20);
                }
                Thread.sleep(termAfter);
                child.destroy();
            }
            assertThat(child.waitFor(180, TimeUnit.SECONDS)).as(said()).isTrue();
        } finally {
            child.destroyForcibly();
        }
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files.map(file -> String.valueOf(file.getFileName())))
                    .as(said())
                    .noneMatch(name -> name.startsWith("hs_err") || name.startsWith("core"));
        }
        return child.exitValue();
    }

    private String said() throws IOException {
        Path file = folder.resolve("said.txt");
        return Files.exists(file) ? Files.readString(file) : "";
    }

    private Stream<Path> states() throws IOException {
        return Files.list(folder.resolve("run/checkpoints"));
    }
}
