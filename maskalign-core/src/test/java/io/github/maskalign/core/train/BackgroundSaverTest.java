package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.train.TrainListener.StopReason;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BackgroundSaverTest {
    private static final TrainConfig SYNC =
            new TrainConfig(20, 4, 2, new TrainConfig.Saving(1, 1, 1), new TrainConfig.Skipping(0, 0)).withKeepEvery(5);
    private static final TrainConfig ASYNC = new TrainConfig(
                    20, 4, 2, new TrainConfig.Saving(1, 1, 1), new TrainConfig.Skipping(0, 0))
            .withKeepEvery(5)
            .withAsyncSave(true);
    private static final List<String> FILES =
            List.of("weights.safetensors", "ema.safetensors", "exp_avg.safetensors", "exp_avg_sq.safetensors");

    @TempDir
    Path folder;

    @Test
    void everyFileIsThatOfItsStepAlthoughTrainingGoesOn() throws Exception {
        train("sync", SYNC, StopReason.COMPLETED);
        train("async", ASYNC, StopReason.COMPLETED);

        for (int step : new int[] {5, 10, 15, 20}) {
            for (String file : FILES) {
                String name = String.format("checkpoints/state-%07d/%s", step, file);
                assertThat(folder.resolve("async").resolve(name))
                        .as(name)
                        .hasSameBinaryContentAs(folder.resolve("sync").resolve(name));
            }
        }
        for (int step = 1; step <= 20; step++) {
            String name = String.format("snapshot-%07d.safetensors", step);
            assertThat(folder.resolve("async").resolve(name))
                    .as(name)
                    .hasSameBinaryContentAs(folder.resolve("sync").resolve(name));
        }
    }

    @Test
    void multiplesOfKeepEveryStayBesideTheLast() throws Exception {
        TrainConfig config = new TrainConfig(19, 4, 2, new TrainConfig.Saving(1, 2, 0), new TrainConfig.Skipping(0, 0))
                .withKeepEvery(8)
                .withAsyncSave(true);
        train("run", config, StopReason.COMPLETED);

        try (var states = Files.list(folder.resolve("run/checkpoints"))) {
            assertThat(states.map(state -> state.getFileName().toString()).sorted())
                    .containsExactly("state-0000008", "state-0000016", "state-0000018", "state-0000019");
        }
    }

    @Test
    void stoppedRunGoesOnToTheSameBits() throws Exception {
        train("sync", SYNC, StopReason.COMPLETED);
        try (RunningTiny run = new RunningTiny(folder.resolve("parts"), ASYNC)) {
            run.objective().interrupt(() -> {
                if (run.state().step() == 6) {
                    run.loop().requestStop();
                }
            });
            assertThat(run.loop().run()).isEqualTo(StopReason.STOP_REQUESTED);
            run.objective().interrupt(() -> {});
        }
        train("parts", ASYNC, StopReason.COMPLETED);

        TrainLoopTest.sameFiles(folder.resolve("sync"), folder.resolve("parts"));
    }

    @Test
    void failedSaveIsReportedAndTriedAgain() throws Exception {
        List<String> told = new ArrayList<>();
        Path states = folder.resolve("run/checkpoints");
        TrainListener listener = new TrainListener() {
            @Override
            public void onStep(StepResult result, TrainState state) {
                try {
                    if (result.step() == 4) {
                        Files.move(states, folder.resolve("hidden"));
                        Files.writeString(states, "in the way");
                    } else if (result.step() == 8) {
                        Files.delete(states);
                        Files.move(folder.resolve("hidden"), states);
                    }
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }

            @Override
            public void onSaved(Path saved, long step) {
                told.add("saved " + step);
            }

            @Override
            public void onSaveFailed(long step, IOException failure) {
                told.add("not saved " + step);
            }
        };
        TrainConfig config = new TrainConfig(12, 4, 2, new TrainConfig.Saving(5, 2, 0), new TrainConfig.Skipping(0, 0))
                .withAsyncSave(true);
        try (RunningTiny run = new RunningTiny(folder.resolve("run"), config, listener)) {
            assertThat(run.loop().run()).isEqualTo(StopReason.COMPLETED);
        }

        assertThat(told).containsSubsequence("not saved 5", "saved 10", "saved 12");
    }

    private void train(String name, TrainConfig config, StopReason expected) throws IOException {
        try (RunningTiny run = new RunningTiny(folder.resolve(name), config)) {
            assertThat(run.loop().run()).isEqualTo(expected);
        }
    }
}
