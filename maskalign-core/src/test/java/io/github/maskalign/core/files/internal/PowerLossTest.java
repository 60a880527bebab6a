package io.github.maskalign.core.files.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.TestFiles;
import io.github.maskalign.core.files.internal.CheckpointDir.Latest;
import io.github.maskalign.core.files.internal.FileOperations.TemporaryName;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every state that a power loss at any moment may leave is the old one or the new one, and after success the new. */
class PowerLossTest {
    @TempDir
    Path scratch;

    private final Map<String, Long> found = new HashMap<>();
    private int states;

    @Test
    void checkpointIsOldOrNewAfterEveryPowerLoss() throws Exception {
        Path folder = Files.createDirectory(scratch.resolve("checkpoints"));
        Set<?>[] allowed = {Set.of(0L)};
        PowerLossDisk[] disk = new PowerLossDisk[1];
        PowerLossDisk.Observer check = () -> {
            for (Map<String, byte[]> state : disk[0].survivors()) {
                assertThat(savedIn(state)).as("%s", state.keySet()).isIn(allowed[0]);
            }
        };
        disk[0] = new PowerLossDisk(folder, check);
        CheckpointDir dir = CheckpointDir.open(disk[0], folder, 1);

        long[] steps = {1, 2, 2, 3}; // first, next (and pruning), replacement, next
        for (int save = 1; save <= steps.length; save++) {
            allowed[0] = Set.of(save - 1L, (long) save);
            dir.save(steps[save - 1], Map.of("m", TestFiles.state(1, 2, save)), Map.of("save", Integer.toString(save)));
            allowed[0] = Set.of((long) save);
            check.afterCall();
        }

        assertThat(states).isGreaterThan(50); // distinct ones
    }

    @Test
    void fileIsOldOrNewAfterEveryPowerLoss() throws Exception {
        Path folder = Files.createDirectory(scratch.resolve("files"));
        Set<?>[] allowed = {Set.of("")};
        PowerLossDisk[] disk = new PowerLossDisk[1];
        PowerLossDisk.Observer check = () -> {
            for (Map<String, byte[]> state : disk[0].survivors()) {
                states++;
                byte[] content = state.getOrDefault("a", new byte[0]);
                assertThat(new String(content)).as("%s", state.keySet()).isIn(allowed[0]);
            }
        };
        disk[0] = new PowerLossDisk(folder, check);
        String old = "";
        for (String text : new String[] {"first", "second, longer"}) {
            allowed[0] = Set.of(old, text);
            AtomicFile.write(disk[0], folder.resolve("a"), out -> out.write(ByteBuffer.wrap(text.getBytes())));
            allowed[0] = Set.of(text);
            check.afterCall();
            old = text;
        }
        assertThat(states).isGreaterThan(20);
    }

    /** Returns which save a start after the power loss finds, 0 if none. */
    private long savedIn(Map<String, byte[]> state) throws IOException {
        Long known = found.get(PowerLossDisk.signature(state));
        if (known == null) {
            known = startAfter(state);
            found.put(PowerLossDisk.signature(state), known);
        }
        return known;
    }

    private long startAfter(Map<String, byte[]> state) throws IOException {
        Path after = Files.createDirectory(scratch.resolve("after-" + states++));
        PowerLossDisk.materialise(state, after);
        Optional<Latest> latest = CheckpointDir.open(after, 1).latestValid();
        TemporaryName.deleteTree(FileOperations.SYSTEM, after);
        return latest.map(l -> Long.parseLong(l.checkpoint().metadata().get("save")))
                .orElse(0L);
    }
}
