package io.github.maskalign.examples.compressor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigException;
import io.github.maskalign.core.data.FeatureBasis;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.sit.run.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Training of a compressor on emoji: it learns, goes on to the bit where it was stopped, and says how it was made. */
class CompressorRunTest {
    private static final List<String> TINY =
            List.of("sets=[fxemoji]", "heldOut=16", "hidden=8", "channels=5", "lastBlocks=2", "batch=4", "saveEvery=2");

    @TempDir
    Path root;

    @Test
    void goesOnToTheBitAndIsWhatABasisReads() throws IOException {
        Path whole = root.resolve("whole");
        Path stopped = root.resolve("stopped");
        assertThat(train(whole, 0, "steps=5")).isEqualTo(StopReason.COMPLETED);
        assertThat(train(stopped, 3, "steps=5")).isEqualTo(StopReason.STOP_REQUESTED);
        assertThat(stopped.resolve("compressor.safetensors")).doesNotExist();
        assertThat(train(stopped, 0, "steps=5")).isEqualTo(StopReason.COMPLETED);

        String hash = Digests.sha256(whole.resolve("compressor.safetensors"));
        assertThat(Digests.sha256(stopped.resolve("compressor.safetensors"))).isEqualTo(hash);
        FeatureBasis read = FeatureBasis.read(whole.resolve("compressor.safetensors"));
        assertThat(read.width()).isEqualTo(2 * 128);
        assertThat(read.channels()).isEqualTo(5);
        assertThat(read.facts())
                .containsEntry("steps", "5")
                .containsEntry("encoder_blocks", "2")
                .containsEntry("drawings", "fxemoji at 32");
        try (SafetensorsFile file = SafetensorsFile.open(whole.resolve("compressor.safetensors"))) {
            assertThat(file.stateDict().keys())
                    .contains("decoder.model.2.weight", "decoder.model.1.bn2.running_var", "encoder.model.0.weight")
                    .hasSize(2 + 2 * 16);
            for (float variance :
                    file.stateDict().get("encoder.model.1.bn1.running_var").floats()) {
                assertThat(variance).isPositive().isNotEqualTo(1);
            }
        }
        JsonObject made = JsonParser.parseString(Files.readString(whole.resolve("compressor.json")))
                .getAsJsonObject();
        assertThat(made.get("sha256").getAsString()).isEqualTo(hash);
        assertThat(made.get("steps").getAsInt()).isEqualTo(5);
        assertThatThrownBy(() -> train(whole, 0, "steps=6", "hidden=9")).hasMessageContaining("hidden");
    }

    /** Held-out tokens come back better than nothing, and better after more steps. */
    @Test
    void learns() throws IOException {
        train(root.resolve("few"), 0, "steps=2", "hidden=32", "channels=16", "batch=16");
        train(root.resolve("more"), 0, "steps=30", "hidden=32", "channels=16", "batch=16");

        assertThat(error("more")).isLessThan(0.85).isLessThan(error("few") - 0.1);
    }

    private double error(String name) throws IOException {
        JsonObject found = JsonParser.parseString(
                        Files.readString(root.resolve(name).resolve("compressor.json")))
                .getAsJsonObject()
                .getAsJsonObject("reconstruction_of_held_out");
        return found.get("mean_squared_error").getAsDouble()
                / found.get("mean_square_of_tokens").getAsDouble();
    }

    @Test
    void shippedConfigsBindAndSayWhatTheyAre() throws IOException {
        for (String name : List.of("emoji-32-compressor", "imagenet-compressor")) {
            Path file = Path.of("..", "configs", name + ".yaml");
            CompressorConfig config =
                    ConfigBinder.bind(file, List.of(), CompressorConfig.class).value();

            assertThat(config.channels()).isEqualTo(16);
            assertThat(Files.readString(file).split("\n\n")[0])
                    .contains("Purpose:", "Expected:", "scripts/maskalign train-compressor configs/" + name + ".yaml");
        }
        CompressorConfig published = ConfigBinder.bind(
                        Path.of("..", "configs", "imagenet-compressor.yaml"), List.of(), CompressorConfig.class)
                .value();
        assertThat(published.hidden()).isEqualTo(256);
        assertThat(published.optim().lrAt(0)).isEqualTo(1e-3);
        // the end of 25 of 100 epochs of a cosine from 1e-3 to 1e-4
        assertThat(published.optim().lrAt(published.steps()))
                .isCloseTo(1e-4 + 4.5e-4 * (1 + Math.cos(Math.PI / 4)), org.assertj.core.api.Assertions.within(1e-12));
        assertThat(published.optim().clipNorm()).isZero();
    }

    @Test
    void whatDoesNotGoTogetherIsRefused() {
        refused("either path must name a prepared set with tokens, or sets those of emoji", "sets=[]");
        refused("but they were data/tokens and [fxemoji]", "path=data/tokens");
        refused("grid must be 8 or 16 but was 4", "grid=4");
        refused("batch must be at least 2", "batch=1");
        refused("channels must be at most the width of the tokens, 256, but was 257", "channels=257");
        refused("lastBlocks: the embedded teacher has 6 blocks, but the tokens of the last 7", "lastBlocks=7");
        refused("heldOut must leave at least two of the", "heldOut=100000");
        refused("data/no", "sets=[]", "path=data/no");
    }

    private void refused(String why, String... overrides) {
        assertThatThrownBy(() -> train(
                        root.resolve("never"),
                        0,
                        Stream.concat(Stream.of("steps=1"), Stream.of(overrides))
                                .toArray(String[]::new)))
                .isInstanceOfAny(ConfigException.class, IllegalArgumentException.class, IOException.class)
                .hasMessageContaining(why);
        assertThat(root.resolve("never/checkpoints")).doesNotExist();
    }

    /** Trains, and asks to stop after a step; 0 never does. */
    private static StopReason train(Path folder, long stopAfter, String... more) throws IOException {
        List<String> overrides = Stream.concat(TINY.stream(), Stream.of(more)).toList();
        CompressorRun run = new CompressorRun(
                ConfigBinder.bind(
                        Path.of("..", "configs", "emoji-32-compressor.yaml"), overrides, CompressorConfig.class),
                folder,
                Path.of("target", "emoji-cache"),
                "test");
        AtomicReference<CompressorRun> running = new AtomicReference<>(run);
        run.show(plan -> new Progress() {
            @Override
            public void step(long step, double loss) {
                if (step == stopAfter) {
                    running.get().requestStop();
                }
            }

            @Override
            public void close() {}
        });
        return run.run();
    }
}
