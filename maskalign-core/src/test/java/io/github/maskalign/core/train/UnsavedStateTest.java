package io.github.maskalign.core.train;

import static io.github.maskalign.core.train.RunningTiny.TWENTY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.train.RunSaver.SaveRetry;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.core.train.TrainLoop.UnsavedStateException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What becomes of a run whose disk is full: a file in the place of the folder of states, on a clock of the test's. */
class UnsavedStateTest {
    @TempDir
    Path folder;

    private Path run;
    private long now;
    private int pauses;

    /** Writes down what it hears, and acts after a step. */
    private static final class Diary implements TrainListener {
        final List<String> entries = new ArrayList<>();
        private final java.util.function.LongConsumer then;

        Diary(java.util.function.LongConsumer then) {
            this.then = then;
        }

        @Override
        public void onStep(StepResult result, TrainState state) {
            entries.add("step " + result.step());
            then.accept(result.step());
        }

        @Override
        public void onSaved(Path saved, long step) {
            entries.add(saved.getFileName().toString());
        }

        @Override
        public void onSaveFailed(long step, IOException failure) {
            entries.add("not saved " + step);
        }

        @Override
        public void onEnd(StopReason reason, TrainState state) {
            entries.add(reason + " at " + state.step());
        }

        int lastStep() {
            return (int) entries.stream().filter(e -> e.startsWith("step ")).count();
        }
    }

    private static TrainConfig everyStep(boolean async, int maxFailedSaves) {
        return new TrainConfig(20, 4, 2, new TrainConfig.Saving(1, 2, 0), new TrainConfig.Skipping(2, 3))
                .withAsyncSave(async)
                .withFailedSaves(new TrainConfig.FailedSaves(maxFailedSaves, 600));
    }

    private void block() {
        try {
            Files.move(run.resolve("checkpoints"), run.resolve("hidden"));
            Files.writeString(run.resolve("checkpoints"), "in the way");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void free() {
        try {
            Files.delete(run.resolve("checkpoints"));
            Files.move(run.resolve("hidden"), run.resolve("checkpoints"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Trains; the disk is free again after so many pauses. */
    private StopReason train(String name, TrainConfig config, int freeAfter, Diary diary) throws IOException {
        run = folder.resolve(name);
        try (RunningTiny running = new RunningTiny(run, config, diary)) {
            running.loop().waitWith(waiting(freeAfter));
            return running.loop().run();
        }
    }

    private SaveRetry waiting(int freeAfter) {
        return new SaveRetry(() -> now, time -> {
            now += time.toNanos();
            if (++pauses == freeAfter) {
                free();
            }
        });
    }

    @Test
    void lastStateWaitsForSpaceAndIsSaved() throws Exception {
        train("undisturbed", TWENTY, 0, new Diary(step -> {}));
        Diary diary = new Diary(step -> {
            if (step == 18) {
                block();
            }
        });

        assertThat(train("run", TWENTY, 5, diary)).isEqualTo(StopReason.COMPLETED);

        TrainLoopTest.sameFiles(folder.resolve("undisturbed"), run);
        assertThat(diary.entries)
                .containsSubsequence("step 20", "not saved 20", "not saved 20", "state-0000020", "COMPLETED at 20");
    }

    @Test
    void lastStateThatCannotBeSavedIsNamedWithAllThatIsLostAndNot() {
        Diary diary = new Diary(step -> {
            if (step == 18) {
                block();
            }
        });

        assertThatThrownBy(() -> train("run", TWENTY, 0, diary))
                .isInstanceOfSatisfying(
                        UnsavedStateException.class,
                        e -> assertThat(e.lostSteps()).isEqualTo(5))
                .hasMessageContaining("the state of step 20 could not be saved, tried for 600 s: could not write ")
                .hasMessageContaining("Lost: steps 16 to 20. Not lost: " + run.resolve("checkpoints/state-0000015"))
                .hasMessageContaining("snapshot-0000020.safetensors, the averaged weights of step 20.");
        assertThat(diary.entries).endsWith("FAILED at 20");
    }

    @Test
    void stoppedRunTriesForHalfAMinute() {
        List<RunningTiny> running = new ArrayList<>();
        Diary diary = new Diary(step -> {
            if (step == 7) {
                block();
                running.get(0).loop().requestStop();
            }
        });
        run = folder.resolve("run");

        assertThatThrownBy(() -> {
                    try (RunningTiny tiny = new RunningTiny(run, TWENTY, diary)) {
                        running.add(tiny);
                        tiny.loop().waitWith(waiting(0));
                        tiny.loop().run();
                    }
                })
                .isInstanceOf(UnsavedStateException.class)
                .hasMessageContaining("tried for 30 s")
                .hasMessageContaining("Lost: steps 6 to 7.");
    }

    @Test
    void stoppedRunIsSavedOnceThereIsSpace() throws Exception {
        List<RunningTiny> running = new ArrayList<>();
        Diary diary = new Diary(step -> {
            if (step == 7) {
                block();
                running.get(0).loop().requestStop();
            }
        });
        run = folder.resolve("run");
        try (RunningTiny tiny = new RunningTiny(run, TWENTY, diary)) {
            running.add(tiny);
            tiny.loop().waitWith(waiting(3));

            assertThat(tiny.loop().run()).isEqualTo(StopReason.STOP_REQUESTED);
        }
        assertThat(diary.entries).endsWith("state-0000007", "snapshot-0000007.safetensors", "STOP_REQUESTED at 7");
    }

    @Test
    void stoppedRunWhoseSnapshotCannotBeWrittenHasItsState() throws Exception {
        List<RunningTiny> running = new ArrayList<>();
        Diary diary = new Diary(step -> {
            if (step == 7) {
                running.get(0).loop().requestStop();
            }
        });
        run = folder.resolve("run");
        Files.createDirectories(run.resolve("snapshot-0000007.safetensors/in the way"));
        try (RunningTiny tiny = new RunningTiny(run, TWENTY, diary)) {
            running.add(tiny);

            assertThat(tiny.loop().run()).isEqualTo(StopReason.STOP_REQUESTED);
        }
        assertThat(diary.entries).endsWith("state-0000007", "STOP_REQUESTED at 7");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void trainingStopsAfterTooManyFailedSaves(boolean async) {
        Diary diary = new Diary(step -> {
            if (step == 4) {
                block();
            }
        });

        assertThatThrownBy(() -> train("run", everyStep(async, 2), 0, diary))
                .isInstanceOf(UnsavedStateException.class)
                .hasMessageContaining("Not lost: " + run.resolve("checkpoints/state-000000"));
        // the third failure in a row is that of step 6 (of step 6 at the latest when the save of step 4 was under way)
        assertThat(diary.lastStep()).isBetween(6, 7);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void trainingThatWaitedForSpaceGoesOnToTheSameBits(boolean async) throws Exception {
        train("undisturbed", everyStep(false, 2), 0, new Diary(step -> {}));
        Diary diary = new Diary(step -> {
            if (step == 4) {
                block();
            }
        });

        assertThat(train("run", everyStep(async, 1), 4, diary)).isEqualTo(StopReason.COMPLETED);

        TrainLoopTest.sameFiles(folder.resolve("undisturbed"), run);
        assertThat(diary.entries).contains("not saved 5");
    }

    @Test
    void successInBetweenStartsTheCountAgain() throws Exception {
        Diary diary = new Diary(step -> {
            if (step % 3 == 1 && step < 19) {
                block();
            } else if (step % 3 == 0) {
                free();
            }
        });

        assertThat(train("run", everyStep(false, 2), 0, diary)).isEqualTo(StopReason.COMPLETED);

        assertThat(pauses).isZero();
        assertThat(diary.entries).contains("not saved 16", "state-0000018");
    }

    @Test
    void nothingSavedBeforeIsSaid() {
        Diary diary = new Diary(step -> {
            if (step == 1) {
                block();
            }
        });

        assertThatThrownBy(() -> train("run", everyStep(false, 0), 0, diary))
                .hasMessageContaining("Lost: step 1. Not lost: nothing of the run, as nothing was saved before.");
        assertThat(diary.lastStep()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void snapshotThatCannotBeWrittenDoesNotKeepTheStateFromIt(boolean async) throws Exception {
        TrainConfig config = new TrainConfig(
                        12, 4, 2, new TrainConfig.Saving(10, 2, 10), new TrainConfig.Skipping(2, 3))
                .withAsyncSave(async);
        run = folder.resolve("run");
        Files.createDirectories(run.resolve("snapshot-0000010.safetensors/in the way"));
        Diary diary = new Diary(step -> {});

        assertThat(train("run", config, 0, diary)).isEqualTo(StopReason.COMPLETED);

        assertThat(diary.entries).contains("not saved 10", "state-0000010", "state-0000012");
    }

    @Test
    void snapshotAloneThatCannotBeWrittenLosesNoStep() throws Exception {
        run = folder.resolve("run");
        Files.createDirectories(run.resolve("snapshot-0000020.safetensors/in the way"));

        assertThatThrownBy(() -> train("run", TWENTY, 0, new Diary(step -> {})))
                .isInstanceOfSatisfying(
                        UnsavedStateException.class,
                        e -> assertThat(e.lostSteps()).isZero())
                .hasMessageContaining("the snapshot of step 20 could not be saved")
                .hasMessageContaining("Lost: no step. Not lost: " + run.resolve("checkpoints/state-0000020"));
    }
}
