package io.github.maskalign.core.files.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.files.TestFiles;
import io.github.maskalign.core.files.internal.CheckpointDir.Latest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What another process sees while one trains, and what a start makes of that which cannot be deleted. */
class CheckpointReaderTest {
    @TempDir
    Path run;

    private Path folder;

    @BeforeEach
    void setUp() throws Exception {
        folder = Files.createDirectory(run.resolve("checkpoints"));
    }

    private static void save(CheckpointDir dir, long step, int mark) throws Exception {
        dir.save(step, Map.of("m", TestFiles.state(1, 2, mark)), Map.of("mark", Integer.toString(mark)));
    }

    private int markOfLatest() throws Exception {
        Latest latest = CheckpointDir.openReadOnly(folder).latestValid().orElseThrow();
        assertThat(latest.rejected()).isEmpty();
        return Integer.parseInt(latest.checkpoint().metadata().get("mark"));
    }

    @Test
    void readerFindsACheckpointAfterEveryCallOfASave() throws Exception {
        int[] allowed = {0};
        int[] calls = {0};
        PowerLossDisk disk = new PowerLossDisk(folder, () -> {
            calls[0]++;
            if (allowed[0] > 1) {
                try {
                    assertThat(CheckpointDir.openReadOnly(folder).steps()).isNotEmpty();
                    assertThat(markOfLatest()).isIn(allowed[0] - 1, allowed[0]);
                } catch (Exception e) {
                    throw new AssertionError("after call " + calls[0], e);
                }
            }
        });
        CheckpointDir dir = CheckpointDir.open(disk, folder, 1);

        long[] steps = {1, 2, 2, 3}; // the first, the next, the same again, the next
        for (int save = 1; save <= steps.length; save++) {
            allowed[0] = save;
            save(dir, steps[save - 1], save);
        }

        assertThat(calls[0]).isGreaterThan(40);
    }

    @Test
    void readerFindsACheckpointWhileAnotherProcessSavesAndDeletes() throws Exception {
        CheckpointDir dir = CheckpointDir.open(folder, 1);
        save(dir, 1, 1);
        ExecutorService writer = Executors.newSingleThreadExecutor();
        try {
            Future<?> saving = writer.submit(() -> {
                for (int i = 2; i <= 200; i++) {
                    save(dir, 1 + i / 2, i); // each second one replaces the one before
                }
                return null;
            });
            int last = 1;
            while (!saving.isDone()) {
                int mark = markOfLatest();
                assertThat(mark).isGreaterThanOrEqualTo(last);
                last = mark;
            }
            saving.get();
        } finally {
            writer.shutdownNow();
        }
        assertThat(markOfLatest()).isEqualTo(200);
    }

    @Test
    void startGoesOnBesideWhatCannotBeDeleted() throws Exception {
        save(CheckpointDir.open(folder, 1), 5, 1);
        for (String name :
                new String[] {".state-0000006.tmp-0123456789abcdef", ".state-0000005.old-0123456789abcdef"}) {
            Path stuck = Files.createDirectory(folder.resolve(name));
            Files.writeString(stuck.resolve(".nfs0001"), "somebody has it open");
        }
        FileOperations files = new UndeletableFiles(".nfs");

        CheckpointDir dir = CheckpointDir.open(files, folder, 1);
        assertThat(dir.steps()).containsExactly(5L);
        save(dir, 6, 2);

        assertThat(CheckpointDir.open(files, folder, 1).steps()).containsExactly(6L);
        assertThat(markOfLatest()).isEqualTo(2);
    }

    @Test
    void oldCheckpointThatCannotBeDeletedKeepsNoOtherFromIt() throws Exception {
        CheckpointDir dir = CheckpointDir.open(new UndeletableFiles(".nfs"), folder, 3);
        for (int step = 1; step <= 3; step++) {
            save(dir, step, step);
        }
        Files.writeString(folder.resolve("state-0000001").resolve(".nfs0001"), "somebody has it open");

        CheckpointDir fewer = CheckpointDir.open(new UndeletableFiles(".nfs"), folder, 1);
        save(fewer, 4, 4);

        assertThat(fewer.steps()).containsExactly(4L);
    }
}
