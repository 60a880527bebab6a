package io.github.maskalign.core.files.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.CheckpointFormatException.NewerFormatException;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.SafetensorsWriter.WrittenFile;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TestFiles;
import io.github.maskalign.core.files.internal.Checkpoint.CheckpointManifest;
import io.github.maskalign.core.files.internal.Checkpoint.Snapshot;
import io.github.maskalign.core.files.internal.CheckpointDir.Latest;
import io.github.maskalign.core.files.internal.FaultyFiles.Fault;
import io.github.maskalign.core.files.internal.FileOperations.CheckpointWriteException;
import io.github.maskalign.core.files.internal.FileOperations.TemporaryName;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class CheckpointDirTest {
    @TempDir
    Path run;

    private Path folder;

    @BeforeEach
    void setUp() {
        folder = run.resolve("checkpoints");
    }

    /** Two files whose values tell which save they are from. */
    private static Map<String, StateDict> contents(float mark) {
        return Map.of("model", TestFiles.state(2, 5, mark), "optimizer", TestFiles.state(3, 4, -mark));
    }

    private static Checkpoint save(CheckpointDir dir, long step, float mark) throws IOException {
        return dir.save(step, contents(mark), Map.of("config", "abc", "mark", Float.toString(mark)));
    }

    /** Asserts that a checkpoint has the values of one save in all files, and returns its mark. */
    private static float markOf(Checkpoint checkpoint) throws IOException {
        float mark = Float.parseFloat(checkpoint.metadata().get("mark"));
        for (Map.Entry<String, StateDict> content : contents(mark).entrySet()) {
            try (SafetensorsFile f = checkpoint.open(content.getKey())) {
                assertThat(f.tensors().keySet()).isEqualTo(content.getValue().keys());
                for (String key : content.getValue().keys()) {
                    assertThat(f.floats(key))
                            .containsExactly(content.getValue().get(key).floats());
                }
            }
        }
        return mark;
    }

    private Latest latest() throws IOException {
        return CheckpointDir.open(folder, 3).latestValid().orElseThrow();
    }

    @Test
    void savedStateIsFoundAgain() throws Exception {
        CheckpointDir dir = CheckpointDir.open(folder, 3);
        assertThat(dir.latestValid()).isEmpty();

        Checkpoint saved = save(dir, 400, 1);

        assertThat(saved.folder()).isEqualTo(folder.resolve("state-0000400"));
        assertThat(TestFiles.names(saved.folder()))
                .containsExactly("manifest.json", "manifest.sha256", "model.safetensors", "optimizer.safetensors");
        Latest latest = latest();
        assertThat(latest.rejected()).isEmpty();
        assertThat(latest.checkpoint().step()).isEqualTo(400);
        assertThat(latest.checkpoint().names()).containsExactly("model", "optimizer");
        assertThat(latest.checkpoint().metadata()).containsEntry("config", "abc");
        assertThat(markOf(latest.checkpoint())).isEqualTo(1);
        assertThatThrownBy(() -> latest.checkpoint().open("ema"))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("there is no ema.safetensors; there are [model, optimizer]");
    }

    @Test
    void lastOnesAreKeptInOrderOfSteps() throws Exception {
        CheckpointDir dir = CheckpointDir.open(folder, 2);
        for (long step : new long[] {0, 5, 10, 9_999_999, 10_000_000}) {
            save(dir, step, step);
        }

        assertThat(dir.steps()).containsExactly(9_999_999L, 10_000_000L);
        assertThat(TestFiles.names(folder)).containsExactly("state-10000000", "state-9999999");
        assertThat(dir.latestValid().orElseThrow().checkpoint().step()).isEqualTo(10_000_000);
    }

    @Test
    void checkpointsOfLaterStepsAreNotTouchedByRetention() throws Exception {
        CheckpointDir dir = CheckpointDir.open(folder, 1);
        save(dir, 400, 1);
        save(dir, 300, 2); // a run that went on from an earlier state

        assertThat(dir.steps()).containsExactly(300L, 400L);
    }

    @Test
    void foldersOfOthersAreIgnored() throws Exception {
        CheckpointDir dir = CheckpointDir.open(folder, 1);
        Files.createDirectory(folder.resolve("state-1"));
        Files.createDirectory(folder.resolve("state-00000001"));
        Files.createDirectory(folder.resolve("state-0000001.bak"));
        Files.writeString(folder.resolve("notes.txt"), "mine");
        save(dir, 1, 1);
        save(dir, 2, 1);

        assertThat(dir.steps()).containsExactly(2L);
        assertThat(TestFiles.names(folder))
                .containsExactly("notes.txt", "state-00000001", "state-0000001.bak", "state-0000002", "state-1");
    }

    @Test
    void sameStepIsReplaced() throws Exception {
        CheckpointDir dir = CheckpointDir.open(folder, 2);
        save(dir, 7, 1);
        save(dir, 7, 2);

        assertThat(TestFiles.names(folder)).containsExactly("state-0000007");
        assertThat(markOf(latest().checkpoint())).isEqualTo(2);
    }

    @Test
    void damageIsNamedAndTheOneBeforeIsUsed() throws Exception {
        CheckpointDir dir = CheckpointDir.open(folder, 3);
        save(dir, 1, 1);
        Path broken = save(dir, 2, 2).folder().resolve("optimizer.safetensors");
        byte[] bytes = Files.readAllBytes(broken);
        bytes[bytes.length - 1] ^= 1; // the last tensor
        Files.write(broken, bytes);

        Latest latest = latest();

        assertThat(latest.checkpoint().step()).isEqualTo(1);
        assertThat(latest.rejected())
                .containsExactly(folder.resolve("state-0000002")
                        + ": optimizer.safetensors was damaged: tensors blocks.2.weight changed");
        assertThatThrownBy(() -> dir.load(2)).isInstanceOf(CheckpointFormatException.class);
        save(dir, 2, 3); // training got there again
        assertThat(markOf(latest().checkpoint())).isEqualTo(3);
    }

    @Test
    void everyFlippedBitIsNoticed() throws Exception {
        Path saved = save(CheckpointDir.open(folder, 1), 3, 1).folder();
        long seed = 11;
        Random random = new Random(seed);
        for (String name : TestFiles.names(saved)) {
            Path file = saved.resolve(name);
            byte[] good = Files.readAllBytes(file);
            for (int i = 0; i < good.length; i++) { // every byte, a random bit of each
                byte[] bad = good.clone();
                bad[i] ^= (byte) (1 << random.nextInt(8));
                Files.write(file, bad);

                Throwable thrown = catchThrowable(() -> Checkpoint.verified(saved));

                assertThat(thrown)
                        .as("%s byte %d seed %d", name, i, seed)
                        .isInstanceOf(CheckpointFormatException.class);
                assertThat(thrown).hasMessageContaining(name.startsWith("manifest") ? "manifest" : name);
            }
            Files.write(file, good);
        }
        assertThat(markOf(Checkpoint.verified(saved))).isEqualTo(1);
    }

    @Test
    void missingShortAndExtraFilesAreNamed() throws Exception {
        Path saved = save(CheckpointDir.open(folder, 1), 3, 1).folder();
        Path model = saved.resolve("model.safetensors");
        byte[] good = Files.readAllBytes(model);
        Files.write(model, java.util.Arrays.copyOf(good, good.length - 1));
        Files.delete(saved.resolve("optimizer.safetensors"));

        assertThatThrownBy(() -> Checkpoint.verified(saved))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContainingAll(
                        "2 problems",
                        "model.safetensors must have " + good.length + " bytes but has " + (good.length - 1),
                        "optimizer.safetensors is missing");
        Files.delete(saved.resolve("manifest.sha256"));
        assertThatThrownBy(() -> Checkpoint.verified(saved))
                .hasMessageContaining("manifest.sha256: the file is missing");
    }

    @Test
    void nothingWholeIsAnErrorNotAFreshStart() throws Exception {
        CheckpointDir dir = CheckpointDir.open(folder, 3);
        for (long step = 1; step <= 2; step++) {
            Files.delete(save(dir, step, step).folder().resolve("model.safetensors"));
        }

        assertThatThrownBy(dir::latestValid)
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContainingAll("has no whole checkpoint: 2 problems", "state-0000001", "state-0000002");
    }

    private static void writeManifest(Path saved, String json) throws IOException {
        byte[] bytes = json.getBytes(StandardCharsets.UTF_8);
        Files.write(saved.resolve("manifest.json"), bytes);
        Files.writeString(saved.resolve("manifest.sha256"), CheckpointManifest.checksumLine(bytes));
    }

    @Test
    void newerVersionIsRefusedAndNotPassedOver() throws Exception {
        CheckpointDir dir = CheckpointDir.open(folder, 3);
        save(dir, 1, 1);
        Path newer = save(dir, 2, 2).folder();
        writeManifest(newer, "{\"format\":\"maskalign-checkpoint\",\"version\":2,\"unheard\":[{}]}");

        assertThatThrownBy(dir::latestValid)
                .isInstanceOf(NewerFormatException.class)
                .hasMessageContainingAll("format version 2", "reads up to version 1", newer.toString());
    }

    @Test
    void malformedManifestsAreRefused() throws Exception {
        Path saved = save(CheckpointDir.open(folder, 3), 1, 1).folder();
        String good = Files.readString(saved.resolve("manifest.json"));
        for (String[] edit : new String[][] {
            {"maskalign-checkpoint", "other"},
            {"\"version\": 1", "\"version\": 0"},
            {"\"version\": 1", "\"version\": 1, \"version\": 1"},
            {"\"step\": 1", "\"step\": -1"},
            {"\"step\": 1", "\"step\": 1, \"more\": 1"},
            {"\"step\": 1,", ""},
            {"model.safetensors", "../model.safetensors"},
            {"model.safetensors", "/etc/passwd"},
            {"model.safetensors", "manifest.json"},
            {"\"bytes\"", "\"size\""},
            {"\"sha256\": \"", "\"sha256\": \"x"},
            {"\"mark\": \"1.0\"", "\"mark\": 1.0"},
            {"}\n}\n", "}\n}\n{}"}
        }) {
            assertThat(good).contains(edit[0]);
            writeManifest(saved, good.replace(edit[0], edit[1]));

            assertThatThrownBy(() -> Checkpoint.verified(saved))
                    .as("%s -> %s", edit[0], edit[1])
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining("manifest");
        }
        writeManifest(saved, good);
        assertThat(markOf(Checkpoint.verified(saved))).isEqualTo(1);
    }

    @Test
    void badArgumentsAreRefusedBeforeAnythingIsWritten() throws Exception {
        assertThatThrownBy(() -> CheckpointDir.open(folder, 0)).hasMessage("keepLast must be at least 1 but was 0");
        CheckpointDir dir = CheckpointDir.open(folder, 1);
        assertThatThrownBy(() -> dir.save(-1, contents(1), Map.of()))
                .hasMessageContaining("step must be in [0, 10^18)");
        assertThatThrownBy(() -> dir.save(1, Map.of("../model", TestFiles.state(1, 1, 1)), Map.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("letters, digits, _ and -");
        assertThat(TestFiles.names(folder)).isEmpty();
    }

    @Test
    void readerChangesNothing() throws Exception {
        assertThatThrownBy(() -> CheckpointDir.openReadOnly(folder)).isInstanceOf(CheckpointFormatException.class);
        save(CheckpointDir.open(folder, 1), 1, 1);
        Files.createDirectory(folder.resolve(".state-0000002.tmp-0123456789abcdef"));

        CheckpointDir dir = CheckpointDir.openReadOnly(folder);

        assertThat(markOf(dir.latestValid().orElseThrow().checkpoint())).isEqualTo(1);
        assertThat(TestFiles.names(folder)).containsExactly(".state-0000002.tmp-0123456789abcdef", "state-0000001");
        assertThatThrownBy(() -> save(dir, 3, 1)).isInstanceOf(IllegalStateException.class);
    }

    /** The heart of it: whatever call of a save fails or is the last one, the next start finds the old or the new. */
    @ParameterizedTest
    @EnumSource(Fault.class)
    void faultAtAnyCallOfASaveLeavesOldOrNew(Fault fault) throws Exception {
        saveWithFaults(fault, 10, 20);
    }

    /** The same when the step that is saved has a checkpoint already. */
    @ParameterizedTest
    @EnumSource(Fault.class)
    void faultAtAnyCallOfAReplacementLeavesOldOrNew(Fault fault) throws Exception {
        saveWithFaults(fault, 20, 20);
    }

    private void saveWithFaults(Fault fault, long oldStep, long newStep) throws Exception {
        int call = 0;
        for (boolean struck = true; struck; call++) {
            TemporaryName.deleteTree(FileOperations.SYSTEM, run.resolve("checkpoints"));
            CheckpointDir first = CheckpointDir.open(folder, 1);
            save(first, 1, 99); // to be pruned
            save(first, oldStep, 1);
            int calls = 1; // forcing the folder when it is opened
            FaultyFiles files = new FaultyFiles(fault, call + calls);
            CheckpointDir dir = CheckpointDir.open(files, folder, 1);

            Throwable thrown = catchThrowable(() -> save(dir, newStep, 2));

            struck = files.struck();
            Latest latest = CheckpointDir.open(folder, 1).latestValid().orElseThrow();
            float mark = markOf(latest.checkpoint());
            assertThat(mark).as("%s at call %d", fault, call).isIn(1f, 2f);
            assertThat(latest.rejected()).isEmpty();
            assertThat(TestFiles.names(folder)).allMatch(name -> name.matches("state-\\d{7}"));
            if (thrown == null) {
                assertThat(mark).as("after save() returned").isEqualTo(2);
            } else if (thrown instanceof CheckpointWriteException) {
                assertThat(thrown).hasMessageContaining(mark == 2 ? "may bring back" : "are unchanged");
                save(CheckpointDir.open(folder, 1), newStep, 3); // training goes on
                assertThat(markOf(latest().checkpoint())).isEqualTo(3);
            } else {
                assertThat(thrown).isInstanceOf(FaultyFiles.Killed.class);
            }
        }
        assertThat(call).isGreaterThan(20);
    }

    @Test
    void replacementThatNeverCameIsUndone() throws Exception {
        Path saved = save(CheckpointDir.open(folder, 1), 5, 1).folder();
        Files.move(saved, folder.resolve(".state-0000005.old-0123456789abcdef"));
        Files.createDirectory(folder.resolve(".state-0000005.tmp-0123456789abcdef"));

        assertThat(markOf(latest().checkpoint())).isEqualTo(1);
        assertThat(TestFiles.names(folder)).containsExactly("state-0000005");
    }

    @Test
    void snapshotIsOneFileNamedByStep() throws Exception {
        WrittenFile written = Snapshot.write(run, 400_000, TestFiles.state(2, 3, 1), Map.of("ema_decay", "0.9999"));

        assertThat(written.path()).isEqualTo(run.resolve("snapshot-0400000.safetensors"));
        try (SafetensorsFile f = SafetensorsFile.open(written.path())) {
            assertThat(f.metadata()).containsExactly(Map.entry("ema_decay", "0.9999"));
            assertThat(f.tensors()).hasSize(2);
        }
        assertThat(List.of(Snapshot.fileName(0), Snapshot.fileName(12_345_678)))
                .containsExactly("snapshot-0000000.safetensors", "snapshot-12345678.safetensors");
    }
}
