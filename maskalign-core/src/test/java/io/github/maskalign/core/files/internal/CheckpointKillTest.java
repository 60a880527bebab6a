package io.github.maskalign.core.files.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.TestFiles;
import io.github.maskalign.core.files.internal.CheckpointDir.Latest;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A process that saves all the time is killed at random instants; what it said it saved is always there. */
class CheckpointKillTest {
    private static final long SEED = 5;

    @TempDir
    Path folder;

    /** Goes on from the latest checkpoint, saves step after step, and prints each step once it is saved. */
    static final class Saver {
        private Saver() {}

        public static void main(String[] args) throws Exception {
            try (RunLock lock = RunLock.acquire(Path.of(args[0]))) {
                CheckpointDir dir = CheckpointDir.open(Path.of(args[0], "checkpoints"), 2);
                Optional<Latest> latest = dir.latestValid();
                long step = latest.map(l -> l.checkpoint().step()).orElse(0L);
                System.out.println("start " + step + " " + (lock == null));
                while (true) {
                    step++;
                    dir.save(
                            step,
                            Map.of("model", TestFiles.state(3, 20_000, step), "ema", TestFiles.state(2, 10_000, step)),
                            Map.of());
                    System.out.println("saved " + step);
                }
            }
        }
    }

    @Test
    void fewKillsLoseNothing() throws Exception {
        kill(2);
    }

    @Test
    @Tag("slow")
    void manyKillsLoseNothing() throws Exception {
        kill(60);
    }

    private void kill(int times) throws Exception {
        Random random = new Random(SEED);
        long promised = 0;
        for (int round = 0; round < times; round++) {
            Process saver = ChildJvm.start(Saver.class, folder.toString());
            BufferedReader out = saver.inputReader();
            assertThat(out.readLine()).as("round %d seed %d", round, SEED).startsWith("start ");
            promised = Math.max(promised, readUntilKilled(saver, out, random.nextInt(150)));

            Latest latest = CheckpointDir.openReadOnly(folder.resolve("checkpoints"))
                    .latestValid()
                    .orElseThrow();

            assertThat(latest.rejected()).as("round %d seed %d", round, SEED).isEmpty();
            // The kill may come between the rename and the message.
            assertThat(latest.checkpoint().step()).isBetween(promised, promised + 1);
            promised = latest.checkpoint().step();
            try (SafetensorsFile f = latest.checkpoint().open("model")) {
                assertThat(f.floats("blocks.2.weight")[8]).isEqualTo(promised + 3f);
            }
        }
    }

    private static long readUntilKilled(Process saver, BufferedReader out, int millis) throws Exception {
        String first = out.readLine(); // at least one is saved
        assertThat(first).startsWith("saved ");
        long last = Long.parseLong(first.substring(6));
        Thread killer = new Thread(() -> {
            try {
                Thread.sleep(millis);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            saver.destroyForcibly();
        });
        killer.start();
        try {
            for (String line = out.readLine(); line != null; line = out.readLine()) {
                last = line.matches("saved \\d+") ? Long.parseLong(line.substring(6)) : last;
            }
        } catch (IOException e) {
            // the pipe of a killed process
        }
        killer.join();
        assertThat(saver.waitFor(30, TimeUnit.SECONDS)).isTrue();
        return last;
    }
}
