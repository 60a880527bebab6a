package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.internal.CheckpointDir;
import io.github.maskalign.core.files.internal.RunLock;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.RunStatus;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunStatusTest {
    @TempDir
    Path folder;

    @BeforeEach
    void writeConfig() throws Exception {
        Path quickstart = Path.of("..", "configs", "emoji-32.yaml");
        String yaml = ConfigBinder.bind(quickstart, List.of("train.steps=400", "train.globalBatch=8"), RunConfig.class)
                .yaml();
        Files.writeString(folder.resolve("config.yaml"), yaml);
    }

    @Test
    void stoppedRunTellsWhereItStands() throws Exception {
        record(100, 0.5);
        record(110, 0.25);
        record(120, 0.5);
        Files.writeString(folder.resolve("stats.jsonl"), "{\"step\":130,\"los", StandardOpenOption.APPEND);

        RunStatus status = RunStatus.read(folder, false);

        assertThat(status.name()).isEqualTo("emoji-32");
        assertThat(status.phase()).isEqualTo(RunStatus.Phase.STOPPED);
        assertThat(status.step()).isEqualTo(120);
        assertThat(status.steps()).isEqualTo(400);
        assertThat(status.pace().imagesPerSecond()).isEqualTo(8 / 0.5);
        assertThat(status.pace().secondsLeft()).isCloseTo(280 * 0.5, within(1e-9));
        assertThat(status.values()).containsEntry("loss", -1.0);
        assertThat(status.toText()).contains("120 of 400 (30.0 %)", "16.0 images/s", "0:02:20 left");
        assertThat(status.toJson().get("step").getAsLong()).isEqualTo(120);
    }

    @Test
    void scoresStandBesideTheLastStep() throws Exception {
        record(120, 0.5);
        Files.writeString(
                folder.resolve("stats.jsonl"),
                "{\"step\":120,\"time\":7.5,\"eval/frechet\":12.5,\"eval/samples\":1000}\n",
                StandardOpenOption.APPEND);

        RunStatus status = RunStatus.read(folder, false);

        assertThat(status.values()).containsEntry("loss", -1.0).containsEntry("eval/frechet", 12.5);
        assertThat(status.pace().secondsLeft()).isCloseTo(280 * 0.5, within(1e-9));
        assertThat(status.toText()).contains("eval/frechet       12.5");
    }

    @Test
    void runThatKeepsOneCheckpointAlwaysHasOne() throws Exception {
        CheckpointDir dir = CheckpointDir.open(folder.resolve("checkpoints"), 1);
        StateDict state = StateDict.ofTensors(Map.of("w", TensorSource.of(new Shape(2), new float[2])));
        dir.save(1, Map.of("weights", state), Map.of());
        ExecutorService training = Executors.newSingleThreadExecutor();
        try {
            Future<?> saves = training.submit(() -> {
                for (int step = 2; step <= 150; step++) {
                    dir.save(step, Map.of("weights", state), Map.of());
                }
                return null;
            });
            for (int i = 0; !saves.isDone(); i++) {
                RunStatus status = RunStatus.read(folder, i % 2 == 0);
                assertThat(status.checkpoints())
                        .isNotEmpty()
                        .allSatisfy(saved -> assertThat(saved.problem()).isNull());
            }
            saves.get();
        } finally {
            training.shutdownNow();
        }
    }

    @Test
    void phaseFollowsLockAndSteps() throws Exception {
        try (RunLock lock = RunLock.acquire(folder)) {
            assertThat(RunStatus.read(folder, false).phase()).isEqualTo(RunStatus.Phase.RUNNING);
            assertThat(RunStatus.read(folder, false).owner())
                    .contains("process " + ProcessHandle.current().pid());
        }
        record(400, 0.5);

        assertThat(RunStatus.read(folder, false).phase()).isEqualTo(RunStatus.Phase.COMPLETED);
    }

    @Test
    void runWhoseLastStepsAreSavedButNotRecordedIsCompleted() throws Exception {
        record(390, 0.5);
        save(400);

        RunStatus status = RunStatus.read(folder, false);

        assertThat(status.phase()).isEqualTo(RunStatus.Phase.COMPLETED);
        assertThat(status.toText()).contains("400 of 400 (100.0 %)");
    }

    @Test
    void oneSlowStepDoesNotMoveTheEnd() throws Exception {
        record(100, 0.5);
        record(110, 0.5);
        record(120, 60); // it also saved

        assertThat(RunStatus.read(folder, false).pace().secondsLeft()).isCloseTo(280 * 0.5, within(1e-9));
    }

    @Test
    void damagedCheckpointIsNamed() throws Exception {
        save(5);
        Path second = save(9).resolve("weights.safetensors");
        try (FileChannel channel = FileChannel.open(second, StandardOpenOption.WRITE)) {
            channel.write(java.nio.ByteBuffer.wrap(new byte[] {1}), channel.size() - 1);
        }

        RunStatus status = RunStatus.read(folder, true);

        assertThat(status.checkpoints()).extracting(RunStatus.SavedState::step).containsExactly(5L, 9L);
        assertThat(status.checkpoints().get(0).problem()).isNull();
        assertThat(status.checkpoints().get(1).problem()).contains("weights.safetensors was damaged");
        assertThat(status.toText()).contains("step 9", "CANNOT BE USED");
    }

    @Test
    void folderWithoutRunIsNamed() {
        assertThatThrownBy(() -> RunStatus.read(folder.resolve("other"), false))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("no run in this folder");
    }

    private Path save(int step) throws Exception {
        StateDict tensors = StateDict.ofTensors(Map.of("a", TensorSource.of(new Shape(2), new float[] {1, 2})));
        CheckpointDir saved = CheckpointDir.open(folder.resolve("checkpoints"), 3);
        return saved.save(step, Map.of("weights", tensors), Map.of()).folder();
    }

    private void record(int step, double seconds) throws Exception {
        Files.writeString(
                folder.resolve("stats.jsonl"),
                "{\"step\":" + step + ",\"time\":1.5,\"loss\":-1.0,\"seconds\":" + seconds + "}\n",
                StandardOpenOption.CREATE,
                StandardOpenOption.APPEND);
    }
}
