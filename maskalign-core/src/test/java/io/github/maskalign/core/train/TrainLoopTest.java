package io.github.maskalign.core.train;

import static io.github.maskalign.core.train.RunningTiny.TWENTY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.TrainingDivergedException;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.train.TrainListener.StartKind;
import io.github.maskalign.core.train.TrainListener.StopReason;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("bits")
class TrainLoopTest {
    @TempDir
    Path folder;

    /** Writes down what it hears. */
    private static final class Diary implements TrainListener {
        final List<String> entries = new ArrayList<>();
        final List<StepResult> results = new ArrayList<>();
        private final BiConsumer<StepResult, TrainState> then;

        Diary() {
            this((result, state) -> {});
        }

        Diary(BiConsumer<StepResult, TrainState> then) {
            this.then = then;
        }

        @Override
        public void onStart(StartKind kind, TrainState state) {
            entries.add(kind + " at " + state.step());
        }

        @Override
        public void onStep(StepResult result, TrainState state) {
            assertThat(GradMode.isOn()).isFalse();
            results.add(result);
            then.accept(result, state);
        }

        @Override
        public void onSaved(Path saved, long step) {
            assertThat(saved).exists();
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
    }

    @Test
    void completeRunSavesStatesAndSnapshots() throws Exception {
        Diary diary = new Diary();
        try (RunningTiny run = new RunningTiny(folder, TWENTY, diary)) {
            assertThat(run.loop().run()).isEqualTo(StopReason.COMPLETED);
        }

        assertThat(diary.entries)
                .containsExactly(
                        "SCRATCH at 0",
                        "state-0000005",
                        "snapshot-0000010.safetensors",
                        "state-0000010",
                        "state-0000015",
                        "snapshot-0000020.safetensors",
                        "state-0000020",
                        "COMPLETED at 20");
        assertThat(names(folder.resolve("checkpoints"))).containsExactly("state-0000015", "state-0000020");
        assertThat(diary.results)
                .extracting(StepResult::step)
                .startsWith(1L, 2L)
                .endsWith(20L);
        assertThat(diary.results.get(5).seconds().rest()).isPositive();
    }

    @Test
    void twentyStepsEqualTenAndTenResumedInEveryBit() throws Exception {
        Diary whole = new Diary();
        Diary parts = new Diary();
        Path other = folder.resolve("other");
        try (RunningTiny run = new RunningTiny(folder, TWENTY, whole)) {
            run.loop().run();
        }
        TrainConfig ten = new TrainConfig(10, 4, 2, new TrainConfig.Saving(7, 2, 0), new TrainConfig.Skipping(2, 3));
        try (RunningTiny run = new RunningTiny(other, ten, parts)) {
            run.loop().run();
        }
        try (RunningTiny run = new RunningTiny(other, TWENTY, parts)) {
            run.loop().run();
        }

        assertThat(parts.entries).contains("COMPLETED at 10", "RESUMED at 10", "COMPLETED at 20");
        assertThat(parts.results.stream().map(r -> r.loss() + " " + r.gradNorm()))
                .containsExactlyElementsOf(whole.results.stream()
                        .map(r -> r.loss() + " " + r.gradNorm())
                        .toList());
        sameFiles(folder, other);
    }

    @Test
    void stoppedRunFinishesItsStepSavesAndGoesOn() throws Exception {
        Path other = folder.resolve("other");
        try (RunningTiny run = new RunningTiny(folder, TWENTY)) {
            run.loop().run();
        }
        List<RunningTiny> running = new ArrayList<>();
        Diary diary = new Diary((result, state) -> {
            if (result.step() == 7) {
                running.get(0).loop().requestStop();
            }
        });
        try (RunningTiny run = new RunningTiny(other, TWENTY, diary)) {
            running.add(run);
            assertThat(run.loop().run()).isEqualTo(StopReason.STOP_REQUESTED);
        }
        try (RunningTiny run = new RunningTiny(other, TWENTY, diary)) {
            running.set(0, run);
            assertThat(run.loop().run()).isEqualTo(StopReason.COMPLETED);
        }

        assertThat(diary.entries)
                .containsSequence(
                        "state-0000005",
                        "state-0000007",
                        "snapshot-0000007.safetensors",
                        "STOP_REQUESTED at 7",
                        "RESUMED at 7");
        sameFiles(folder, other);
    }

    @Test
    void interruptedThreadSavesAndStaysInterrupted() throws Exception {
        Diary diary = new Diary((result, state) -> {
            if (result.step() == 5) {
                Thread.currentThread().interrupt();
            }
        });
        try (RunningTiny run = new RunningTiny(folder, TWENTY, diary)) {
            assertThat(run.loop().run()).isEqualTo(StopReason.STOP_REQUESTED);
        }

        assertThat(Thread.interrupted()).isTrue();
        assertThat(diary.entries)
                .containsExactly(
                        "SCRATCH at 0", "state-0000005", "snapshot-0000005.safetensors", "STOP_REQUESTED at 5");
    }

    @Test
    void completedRunHasNothingLeftToDo() throws Exception {
        Diary diary = new Diary();
        try (RunningTiny run = new RunningTiny(folder, TWENTY)) {
            run.loop().run();
        }
        try (RunningTiny run = new RunningTiny(folder, TWENTY, diary)) {
            assertThat(run.loop().run()).isEqualTo(StopReason.COMPLETED);
        }

        assertThat(diary.entries).containsExactly("RESUMED at 20", "COMPLETED at 20");
    }

    @Test
    void stateOfOtherSettingsIsRefusedAndKept() throws Exception {
        try (RunningTiny run = new RunningTiny(folder, TWENTY)) {
            run.loop().run();
        }
        try (RunningTiny run = new RunningTiny(folder, TWENTY, Map.of("optim.lr", "0.02"), files -> files)) {
            assertThatThrownBy(() -> run.loop().run())
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining("state-0000020")
                    .hasMessageContaining("optim.lr was 0.01 and is now 0.02")
                    .hasMessageContaining("only with the settings it began with");
        }

        assertThat(names(folder.resolve("checkpoints"))).containsExactly("state-0000015", "state-0000020");
    }

    @Test
    void runCanStartWithTheAveragedWeightsOfASnapshot() throws Exception {
        Path other = folder.resolve("other");
        Map<String, float[]> average;
        try (RunningTiny run = new RunningTiny(folder, TWENTY)) {
            run.loop().run();
            average = AdamWTest.copy(run.state().ema());
        }
        Path snapshot = folder.resolve("snapshot-0000020.safetensors");
        TrainListener check = new TrainListener() {
            @Override
            public void onStart(StartKind kind, TrainState state) {
                assertThat(kind).isEqualTo(StartKind.INITIALIZED);
                assertThat(state.step()).isZero();
                AdamWTest.same(state.weights(), average);
                AdamWTest.same(state.ema(), average);
            }
        };
        try (RunningTiny run =
                new RunningTiny(other, TWENTY, Map.of(), files -> files.initFrom(snapshot, key -> false), check)) {
            run.loop().run();
        }
        Diary again = new Diary(); // the same command goes on instead of starting over
        try (RunningTiny run =
                new RunningTiny(other, TWENTY, Map.of(), files -> files.initFrom(snapshot, key -> false), again)) {
            run.loop().run();
        }

        assertThat(again.entries).startsWith("RESUMED at 20");
    }

    @Test
    void snapshotThatDoesNotFitIsRefusedWithAllKeys() throws Exception {
        Path snapshot = folder.resolve("other.safetensors");
        try (RunningTiny run = new RunningTiny(folder, TWENTY)) {
            Map<String, ai.djl.ndarray.NDArray> arrays =
                    new java.util.LinkedHashMap<>(run.state().ema());
            arrays.remove("pos_embed");
            arrays.put("mixer.0", run.state().ema().get("pos_embed"));
            io.github.maskalign.core.files.SafetensorsWriter.write(
                    snapshot, io.github.maskalign.core.files.StateDict.of(arrays), Map.of());
        }
        try (RunningTiny run =
                new RunningTiny(folder, TWENTY, Map.of(), files -> files.initFrom(snapshot, key -> false))) {
            assertThatThrownBy(() -> run.loop().run())
                    .hasMessageContaining("\"pos_embed\" with shape (1, 3, 8) is missing")
                    .hasMessageContaining("\"mixer.0\" with shape (1, 3, 8) is unexpected");
        }
        try (RunningTiny run = new RunningTiny(
                folder,
                TWENTY,
                Map.of(),
                files -> files.initFrom(snapshot, key -> key.equals("pos_embed") || key.startsWith("mixer.")))) {
            assertThat(run.loop().run()).isEqualTo(StopReason.COMPLETED);
        }
    }

    @Test
    void damagedNewestStateFallsBackToTheOneBefore() throws Exception {
        Path other = folder.resolve("other");
        for (Path each : List.of(folder, other)) {
            try (RunningTiny run = new RunningTiny(each, TWENTY)) {
                run.loop().run();
            }
        }
        Path file = other.resolve("checkpoints/state-0000020/exp_avg.safetensors");
        byte[] bytes = Files.readAllBytes(file);
        bytes[bytes.length - 9] ^= 4;
        Files.write(file, bytes);
        Diary diary = new Diary();
        try (RunningTiny run = new RunningTiny(other, TWENTY, diary)) {
            run.loop().run();
        }

        assertThat(diary.entries).startsWith("RESUMED at 15").endsWith("COMPLETED at 20");
        sameFiles(folder, other);
    }

    @Test
    void singleNonFiniteStepIsSkippedAndStaysCountedAfterResume() throws Exception {
        Diary diary = new Diary();
        TrainConfig ten = new TrainConfig(10, 4, 2, new TrainConfig.Saving(7, 2, 0), new TrainConfig.Skipping(2, 3));
        try (RunningTiny run = new RunningTiny(folder, ten, diary)) {
            run.objective().poison(4);
            run.loop().run();
        }
        try (RunningTiny run = new RunningTiny(folder, TWENTY)) {
            run.loop().run();
            assertThat(run.state().skipped()).isEqualTo(1);
        }

        assertThat(diary.results)
                .filteredOn(r -> !r.applied())
                .extracting(StepResult::step)
                .containsExactly(5L);
    }

    @Test
    void tooManyNonFiniteStepsInARowEndTheRunNamingStepAndQuantity() throws Exception {
        Diary diary = new Diary();
        try (RunningTiny run = new RunningTiny(folder, TWENTY, diary)) {
            run.objective().poison(6, 100);
            assertThatThrownBy(() -> run.loop().run())
                    .isInstanceOf(TrainingDivergedException.class)
                    .hasMessageContaining("training diverged at step 9: loss is not finite (loss NaN")
                    .hasMessageContaining("3 steps in a row were skipped and maxSkippedInRow is 2");
        }

        assertThat(diary.entries).endsWith("state-0000005", "DIVERGED at 9");
    }

    @Test
    void exceptionEndsTheRunAsFailedAndKeepsTheLastState() throws Exception {
        Diary diary = new Diary();
        try (RunningTiny run = new RunningTiny(folder, TWENTY, diary)) {
            int[] calls = {0};
            run.objective().interrupt(() -> {
                if (++calls[0] == 15) { // second micro-batch of step 8 comes next
                    throw new IllegalStateException("shard 3 is gone");
                }
            });
            assertThatThrownBy(() -> run.loop().run()).hasMessage("shard 3 is gone");
            run.objective().interrupt(() -> {});
        }
        assertThat(diary.entries).endsWith("state-0000005", "FAILED at 7");
        try (RunningTiny run = new RunningTiny(folder, TWENTY, diary)) {
            assertThat(run.loop().run()).isEqualTo(StopReason.COMPLETED);
        }
        assertThat(diary.entries).contains("RESUMED at 5");
    }

    @Test
    void stateThatCannotBeSavedIsReportedAndTriedAgain() throws Exception {
        Path states = folder.resolve("checkpoints");
        Path hidden = folder.resolve("hidden");
        Diary diary = new Diary((result, state) -> {
            try {
                if (result.step() == 4) {
                    Files.move(states, hidden);
                    Files.writeString(states, "in the way");
                } else if (result.step() == 8) {
                    Files.delete(states);
                    Files.move(hidden, states);
                }
            } catch (IOException e) {
                throw new java.io.UncheckedIOException(e);
            }
        });
        try (RunningTiny run = new RunningTiny(folder, TWENTY, diary)) {
            assertThat(run.loop().run()).isEqualTo(StopReason.COMPLETED);
        }

        assertThat(diary.entries).contains("not saved 5", "state-0000010").doesNotContain("state-0000005");
    }

    @Test
    void savingDoesNotGrowAnyManager() throws Exception {
        TrainConfig everyStep =
                new TrainConfig(12, 4, 2, new TrainConfig.Saving(1, 1, 1), new TrainConfig.Skipping(0, 0));
        List<Integer> counts = new ArrayList<>();
        List<RunningTiny> running = new ArrayList<>();
        Diary diary = new Diary((result, state) -> {
            int count = state.manager().getManagedArrays().size();
            for (ai.djl.ndarray.NDManager m = running.get(0).manager(); m != null; m = m.getParentManager()) {
                count += m.getManagedArrays().size();
            }
            counts.add(count);
        });
        try (RunningTiny run = new RunningTiny(folder, everyStep, diary)) {
            running.add(run);
            run.loop().run();
        }

        assertThat(counts.subList(3, counts.size())).containsOnly(counts.get(3));
    }

    @Test
    void configurationOutOfRangeIsNamed() {
        assertThatThrownBy(() ->
                        new TrainConfig(0, 4, 2, new TrainConfig.Saving(5, 2, 10), new TrainConfig.Skipping(2, 3)))
                .hasMessage("steps must be at least 1 but was 0");
        assertThatThrownBy(() ->
                        new TrainConfig(10, 4, 3, new TrainConfig.Saving(5, 2, 10), new TrainConfig.Skipping(2, 3)))
                .hasMessage("accumulation must divide globalBatch 4 but was 3");
        assertThatThrownBy(() ->
                        new TrainConfig(10, 4, 2, new TrainConfig.Saving(5, 0, 10), new TrainConfig.Skipping(2, 3)))
                .hasMessage("keepLast must be at least 1 but was 0");
    }

    private static List<String> names(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(f -> f.getFileName().toString()).sorted().toList();
        }
    }

    /** Final snapshot and all four files of the final state, byte for byte. */
    static void sameFiles(Path one, Path other) throws IOException {
        List<String> files = List.of(
                "snapshot-0000020.safetensors",
                "checkpoints/state-0000020/weights.safetensors",
                "checkpoints/state-0000020/ema.safetensors",
                "checkpoints/state-0000020/exp_avg.safetensors",
                "checkpoints/state-0000020/exp_avg_sq.safetensors",
                "checkpoints/state-0000020/manifest.json");
        for (String file : files) {
            assertThat(other.resolve(file)).as(file).hasSameBinaryContentAs(one.resolve(file));
        }
    }
}
