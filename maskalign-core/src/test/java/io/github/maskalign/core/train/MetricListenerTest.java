package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.metrics.MetricSink;
import io.github.maskalign.core.metrics.MetricSink.MetricSinks;
import io.github.maskalign.core.train.TrainState.StateMemory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MetricListenerTest {
    @TempDir
    Path folder;

    /** Remembers what it was given. */
    private static class Memory implements MetricSink {
        final Map<Long, Map<String, Double>> records = new LinkedHashMap<>();
        boolean closed;

        @Override
        public void scalars(long step, Map<String, Double> values) {
            records.put(step, values);
        }

        @Override
        public void image(long step, String tag, byte[] png, int width, int height) {}

        @Override
        public void close() {
            closed = true;
        }
    }

    @Test
    void everyKthEverySkippedAndTheLastStepIsRecordedFromWhereTheRunGoesOn() throws Exception {
        Memory memory = new Memory();
        List<Long> opened = new ArrayList<>();
        MetricListener.Opening opening = first -> {
            opened.add(first);
            return memory;
        };
        TrainConfig ten = new TrainConfig(10, 4, 2, new TrainConfig.Saving(0, 1, 0), new TrainConfig.Skipping(2, 3));
        try (RunningTiny run = new RunningTiny(folder, ten, new MetricListener(opening, 4))) {
            run.objective().poison(5);
            run.loop().run();
        }
        TrainConfig twelve = new TrainConfig(12, 4, 2, new TrainConfig.Saving(0, 1, 0), new TrainConfig.Skipping(2, 3));
        try (RunningTiny run = new RunningTiny(folder, twelve, new MetricListener(opening, 4))) {
            run.loop().run();
        }

        assertThat(opened).containsExactly(1L, 11L);
        assertThat(memory.records.keySet()).containsExactly(4L, 6L, 8L, 10L, 12L);
        assertThat(memory.records.get(6L)).containsEntry("applied", 0.0).containsEntry("skipped", 1.0);
        assertThat(memory.records.get(4L))
                .containsKeys(
                        "loss",
                        "loss/largest",
                        "grad_norm",
                        "seconds/data",
                        "seconds/model",
                        "seconds/update",
                        "seconds/rest")
                .containsEntry("lr", 0.01)
                .containsEntry("applied", 1.0);
        assertThat(memory.closed).isTrue();
    }

    @Test
    void firstRecordHoldsMoreAndMemoryIsInAll() throws Exception {
        Memory memory = new Memory();
        TrainConfig four = new TrainConfig(4, 4, 2, new TrainConfig.Saving(0, 1, 0), new TrainConfig.Skipping(2, 3));
        MetricListener listener = new MetricListener(first -> memory, 2, Map.of("memory/expected/weights_mb", 7.0));
        try (RunningTiny run = new RunningTiny(folder, four, listener)) {
            run.loop().run();
        }

        assertThat(memory.records.get(2L)).containsEntry("memory/expected/weights_mb", 7.0);
        assertThat(memory.records.get(4L))
                .doesNotContainKey("memory/expected/weights_mb")
                .doesNotContainKey("memory/device_mb");
        assertThat(memory.records.get(4L).get("memory/peak_mb"))
                .isGreaterThanOrEqualTo(memory.records.get(4L).get("memory/resident_mb"));
    }

    @Test
    void stateMemoryIsCountedByKind() throws Exception {
        try (RunningTiny run = new RunningTiny(
                folder,
                new TrainConfig(1, 4, 2, new TrainConfig.Saving(0, 1, 0), new TrainConfig.Skipping(2, 3)),
                RunningTiny.OPTIM.withExtraEmaDecays(List.of(0.5)),
                Map.of(),
                files -> files)) {
            long all = bytes(run.state().weights());
            long trained = all - 4 * 3 * 8; // all but the table of positions

            assertThat(StateMemory.of(run.state(), false, 0)) // all weights are fewer than a block of the update
                    .isEqualTo(new StateMemory(all, trained, 2 * trained, 2 * all, 2 * trained));
            assertThat(StateMemory.of(run.state(), true, 0).total()).isEqualTo(3 * all + 7 * trained);
            assertThat(StateMemory.of(run.state(), false, 5))
                    .isEqualTo(new StateMemory(all + 10, trained + 10, 2 * trained, 2 * all, 2 * trained));
        }
    }

    private static long bytes(Map<String, ai.djl.ndarray.NDArray> arrays) {
        return arrays.values().stream().mapToLong(array -> 4 * array.size()).sum();
    }

    @Test
    void sinkThatCannotBeOpenedEndsTheRunBeforeTheFirstStep() throws Exception {
        MetricListener listener = new MetricListener(
                first -> {
                    throw new IOException("stats.jsonl is a folder");
                },
                1);
        try (RunningTiny run = new RunningTiny(folder, RunningTiny.TWENTY, listener)) {
            assertThatThrownBy(() -> run.loop().run()).hasMessageContaining("stats.jsonl is a folder");
            assertThat(run.state().step()).isZero();
        }
        assertThatThrownBy(() -> new MetricListener(first -> new Memory(), 0))
                .hasMessage("metrics must be written every 1 or more steps but was 0");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void recordsAreOnTheDiskBeforeTheStateThatHasThemBehindIt(boolean async) throws Exception {
        List<String> order = new ArrayList<>();
        MetricSink failing = new Memory() {
            @Override
            public void sync() throws IOException {
                throw new IOException("the disk is gone");
            }
        };
        MetricSink watched = new Memory() {
            @Override
            public void scalars(long step, Map<String, Double> values) {
                order.add("record " + step);
            }

            @Override
            public void sync() {
                order.add("sync");
            }
        };
        TrainListener saves = new TrainListener() {
            @Override
            public void onSaved(Path saved, long step) {
                if (saved.getFileName().toString().startsWith("state-")) {
                    order.add("saved " + step);
                }
            }
        };
        TrainConfig four = new TrainConfig(4, 4, 2, new TrainConfig.Saving(3, 1, 0), new TrainConfig.Skipping(2, 3))
                .withAsyncSave(async);
        MetricSinks sinks = new MetricSinks(List.of(failing, watched)); // one that fails is a warning
        try (RunningTiny run = new RunningTiny(folder, four, new MetricListener(first -> sinks, 1), saves)) {
            run.loop().run();
        }

        assertThat(order)
                .containsSubsequence("record 1", "record 2", "record 3", "sync", "saved 3", "sync", "saved 4")
                .doesNotContainSequence("record 1", "sync");
    }
}
