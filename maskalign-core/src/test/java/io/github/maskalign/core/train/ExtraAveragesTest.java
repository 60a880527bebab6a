package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.train.TrainListener.StartKind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Runs that keep several moving averages: their files, and going on. */
@Tag("bits")
class ExtraAveragesTest {
    private static final List<Double> DECAYS = List.of(0.5, 0.99999);

    @TempDir
    private Path folder;

    private static TrainConfig config(long steps, boolean async) {
        return new TrainConfig(steps, 4, 2, new TrainConfig.Saving(5, 2, 10), new TrainConfig.Skipping(2, 3))
                .withAsyncSave(async);
    }

    private static RunningTiny run(Path folder, long steps, boolean async, List<Double> decays) throws IOException {
        return new RunningTiny(
                folder,
                config(steps, async),
                RunningTiny.OPTIM.withExtraEmaDecays(decays),
                Map.of("optim.lr", "0.01"),
                files -> files);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void everyAverageIsInStatesAndSnapshots(boolean async) throws Exception {
        Map<String, float[]> fast;
        try (RunningTiny run = run(folder, 20, async, DECAYS)) {
            run.loop().run();
            fast = AdamWTest.copy(run.state().extraEma().get(0.5));
        }

        assertThat(names(folder))
                .containsExactly(
                        "snapshot-0000010.safetensors",
                        "snapshot-0000020.safetensors",
                        "snapshot-ema0.5-0000010.safetensors",
                        "snapshot-ema0.5-0000020.safetensors",
                        "snapshot-ema0.99999-0000010.safetensors",
                        "snapshot-ema0.99999-0000020.safetensors");
        assertThat(names(folder.resolve("checkpoints/state-0000020")))
                .contains("ema.safetensors", "ema-0_5.safetensors", "ema-0_99999.safetensors");
        try (SafetensorsFile file = SafetensorsFile.open(folder.resolve("snapshot-ema0.5-0000020.safetensors"))) {
            assertThat(file.metadata()).containsEntry("ema_decay", "0.5").containsEntry("step", "20");
            fast.forEach((key, values) -> {
                try {
                    assertThat(file.stateDict().get(key).floats()).as(key).isEqualTo(values);
                } catch (IOException e) {
                    throw new java.io.UncheckedIOException(e);
                }
            });
        }
    }

    @Test
    void resumedRunEndsWithTheSameBitsInEveryFile() throws Exception {
        Path whole = folder.resolve("whole");
        Path parts = folder.resolve("parts");
        try (RunningTiny run = run(whole, 20, false, DECAYS)) {
            run.loop().run();
        }
        for (long steps : new long[] {7, 15, 20}) {
            try (RunningTiny run = run(parts, steps, false, DECAYS)) {
                run.loop().run();
            }
        }

        for (String file : List.of("weights", "ema", "ema-0_5", "ema-0_99999", "exp_avg", "exp_avg_sq")) {
            String path = "checkpoints/state-0000020/" + file + ".safetensors";
            assertThat(parts.resolve(path)).as(file).hasSameBinaryContentAs(whole.resolve(path));
        }
    }

    @Test
    void runWithOtherDecaysIsRefusedAndLosesNothing() throws Exception {
        try (RunningTiny run = run(folder, 10, false, DECAYS)) {
            run.loop().run();
        }
        for (List<Double> others : List.of(List.<Double>of(), List.of(0.5), List.of(0.5, 0.99999, 0.9995))) {
            try (RunningTiny run = run(folder, 20, false, others)) {
                assertThatThrownBy(() -> run.loop().run())
                        .isInstanceOf(CheckpointFormatException.class)
                        .hasMessageContaining("the moving averages saved are [ema, ema-0_5, ema-0_99999] but those of")
                        .hasMessageContaining("goes on with the decays it began with");
            }
        }
        assertThat(names(folder.resolve("checkpoints"))).containsExactly("state-0000005", "state-0000010");
    }

    @Test
    void averagesStartFromTheWeightsOfASnapshot() throws Exception {
        try (RunningTiny run = run(folder, 10, false, DECAYS)) {
            run.loop().run();
        }
        Path snapshot = folder.resolve("snapshot-ema0.5-0000010.safetensors");
        TrainListener check = new TrainListener() {
            @Override
            public void onStart(StartKind kind, TrainState state) {
                assertThat(kind).isEqualTo(StartKind.INITIALIZED);
                Map<String, float[]> weights = AdamWTest.copy(state.weights());
                AdamWTest.same(state.ema(), weights);
                state.extraEma().values().forEach(average -> AdamWTest.same(average, weights));
            }
        };
        try (RunningTiny run = new RunningTiny(
                folder.resolve("other"),
                config(2, false),
                RunningTiny.OPTIM.withExtraEmaDecays(List.of(0.3)),
                Map.of(),
                files -> files.initFrom(snapshot, key -> false),
                check)) {
            run.loop().run();
        }
    }

    private static List<String> names(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString())
                    .filter(name -> !name.equals("checkpoints") && !name.startsWith("."))
                    .sorted()
                    .toList();
        }
    }
}
