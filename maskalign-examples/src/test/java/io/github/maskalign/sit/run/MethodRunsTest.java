package io.github.maskalign.sit.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.config.ConfigPresets;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.train.TrainListener.StopReason;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Each method of the library, on emoji and as small as can be: it trains, and goes on to the bit where it was stopped. */
class MethodRunsTest {
    private static final List<String> TINY = List.of(
            "data.sets=[fxemoji]",
            "model.patchSize=4",
            "model.hiddenSize=24",
            "model.depth=4",
            "model.numHeads=4",
            "train.steps=2",
            "train.globalBatch=4",
            "train.saveEvery=1",
            "runtime.logEvery=1",
            "runtime.previewPictures=1",
            "sample.steps=2");

    private static final List<String> LATENTS =
            List.of("method=repa-e", "name=emoji-32-repa-e", "data.classes=[]", "model.patchSize=2");

    @TempDir
    Path root;

    static List<String> methods() {
        return ConfigPresets.of(RunConfig.class).orElseThrow().names();
    }

    @ParameterizedTest
    @MethodSource("methods")
    void trainsAndGoesOnToTheBit(String method) throws IOException {
        Path straight = root.resolve("straight");
        Path stopped = root.resolve("stopped");

        assertThat(run(method, straight, 0)).isEqualTo(StopReason.COMPLETED);
        assertThat(run(method, stopped, 1)).isEqualTo(StopReason.STOP_REQUESTED);
        assertThat(stopped.resolve("checkpoints/state-0000001")).isDirectory();
        assertThat(stopped.resolve("snapshot-0000002.safetensors")).doesNotExist();
        assertThat(run(method, stopped, 0)).isEqualTo(StopReason.COMPLETED);

        assertThat(Files.readAllLines(straight.resolve("stats.jsonl")))
                .hasSizeGreaterThanOrEqualTo(2)
                .noneMatch(line -> line.contains("NaN") || line.contains("Infinity"));
        assertThat(Digests.sha256(stopped.resolve("snapshot-0000002.safetensors")))
                .isEqualTo(Digests.sha256(straight.resolve("snapshot-0000002.safetensors")));
        if (method.equals("repa-e")) {
            String trained = "autoencoder/autoencoder-0000002.safetensors";
            assertThat(Digests.sha256(stopped.resolve(trained))).isEqualTo(Digests.sha256(straight.resolve(trained)));
        }
        assertThat(Files.readString(straight.resolve("config.yaml")))
                .isEqualTo(Files.readString(stopped.resolve("config.yaml")))
                .startsWith("name: emoji-32-" + method + "\n")
                .doesNotContain("\nmethod:");
    }

    @Test
    void aRunOfAnOldConfigGoesOnWithTheCommandThatReplacesIt() throws IOException {
        Path old = Path.of("src", "test", "resources", "formats", "configs", "emoji-32-reg.yaml");
        Path today = Path.of("..", "configs", "emoji-32-lab.yaml");
        List<String> size = List.of("align.depth=4", "align.projectorDim=512"); // of depth 8, whatever TINY has
        List<String> reg = List.of("method=reg", size.get(0), size.get(1));
        Path straight = root.resolve("straight");
        Path moved = root.resolve("moved");

        train(old, size, straight, 0);
        assertThat(train(old, size, moved, 1)).isEqualTo(StopReason.STOP_REQUESTED);
        assertThat(train(today, reg, moved, 0)).isEqualTo(StopReason.COMPLETED);

        assertThat(Digests.sha256(moved.resolve("snapshot-0000002.safetensors")))
                .isEqualTo(Digests.sha256(straight.resolve("snapshot-0000002.safetensors")));
        assertThatThrownBy(() -> train(today, List.of("method=repa"), straight, 0))
                .hasMessageContaining("cls.enabled");
    }

    private static StopReason run(String method, Path folder, long stopAfter) throws IOException {
        boolean autoencoder = method.equals("repa-e"); // which pixels do not have
        return autoencoder
                ? train(Path.of("..", "configs", "quickstart.yaml"), LATENTS, folder, stopAfter)
                : train(Path.of("..", "configs", "emoji-32.yaml"), List.of("method=" + method), folder, stopAfter);
    }

    /** Trains, and asks to stop after a step; 0 never does. */
    private static StopReason train(Path file, List<String> method, Path folder, long stopAfter) throws IOException {
        List<String> overrides = Stream.concat(TINY.stream(), method.stream()).toList();
        Bound<RunConfig> config = ConfigBinder.bind(file, overrides, RunConfig.class);
        AtomicReference<TrainingRun> running = new AtomicReference<>();
        TrainingRun run = TrainingRun.open(config, folder)
                .withCache(Path.of("target", "emoji-cache"))
                .withVersion("test")
                .withDisplay(plan -> new Progress() {
                    @Override
                    public void step(long step, double loss) {
                        if (step == stopAfter) {
                            running.get().requestStop();
                        }
                    }

                    @Override
                    public void close() {}
                });
        running.set(run);
        return run.run();
    }
}
