package io.github.maskalign.core.files.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.files.internal.RunLock.RunLockedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunLockTest {
    @TempDir
    Path run;

    /** Takes the lock, says so, and waits to be killed. */
    static final class Holder {
        private Holder() {}

        public static void main(String[] args) throws Exception {
            try (RunLock lock = RunLock.acquire(Path.of(args[0]))) {
                System.out.println("locked " + lock);
                Thread.sleep(60_000);
            } catch (RunLockedException e) {
                System.out.println("refused " + e.getMessage());
            }
        }
    }

    private Process start() throws Exception {
        return ChildJvm.start(Holder.class, run.toString());
    }

    @Test
    void secondLockInTheSameProcessIsRefusedAndTheFirstStays() throws Exception {
        try (RunLock first = RunLock.acquire(run)) {
            assertThatThrownBy(() -> RunLock.acquire(run))
                    .isInstanceOf(RunLockedException.class)
                    .hasMessageContainingAll(
                            run.toString(),
                            "in use by process " + ProcessHandle.current().pid());
            Process other = start();
            assertThat(other.inputReader().readLine())
                    .startsWith("refused " + run)
                    .contains("process " + ProcessHandle.current().pid());
            assertThat(other.waitFor(30, TimeUnit.SECONDS)).isTrue();
            assertThat(first).isNotNull();
        }
        RunLock.acquire(run).close();
    }

    @Test
    void killedHolderLeavesNothingToCleanUp() throws Exception {
        Process holder = start();
        assertThat(holder.inputReader().readLine()).startsWith("locked");
        assertThatThrownBy(() -> RunLock.acquire(run))
                .isInstanceOf(RunLockedException.class)
                .hasMessageContaining("process " + holder.pid());

        holder.destroyForcibly();
        assertThat(holder.waitFor(30, TimeUnit.SECONDS)).isTrue();

        assertThat(run.resolve("run.owner")).exists(); // stale
        RunLock.acquire(run).close();
    }

    @Test
    void folderIsMadeAndUnreadableOwnerIsNoProblem() throws Exception {
        Path fresh = run.resolve("new/run");
        RunLock.acquire(fresh).close();
        Files.write(fresh.resolve("run.owner"), new byte[] {(byte) 0xff, 0, 1});

        RunLock lock = RunLock.acquire(fresh);
        lock.close();
        lock.close(); // twice is no error

        assertThat(fresh.resolve("run.owner")).doesNotExist();
    }
}
