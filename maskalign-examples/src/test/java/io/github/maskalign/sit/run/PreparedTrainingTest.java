package io.github.maskalign.sit.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonParser;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.data.internal.PreparedStore.PreparedSample;
import io.github.maskalign.core.data.internal.SampleLayout;
import io.github.maskalign.core.data.internal.SampleLayout.FloatCode;
import io.github.maskalign.core.data.internal.ShardBuilder;
import io.github.maskalign.core.data.internal.ShardIndex;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.internal.SafetensorsHeader.TensorInfo;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.sit.run.internal.RunFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Training on a prepared set, with encoder tokens that were computed when it was prepared. */
@Tag("bits")
class PreparedTrainingTest {
    private static final SampleLayout LAYOUT = new SampleLayout(4, 8, FloatCode.FLOAT16, 0, 17, 24, FloatCode.FLOAT16);

    @TempDir
    Path root;

    @Test
    void trainsResumesAndKnowsItsSet() throws Exception {
        Path set = root.resolve("set");
        prepare(set, LAYOUT, 0);

        assertThat(train(config(set, 2), "whole-in-parts")).isEqualTo(StopReason.COMPLETED);
        assertThat(train(config(set, 4), "whole-in-parts")).isEqualTo(StopReason.COMPLETED);
        assertThat(train(config(set, 4), "whole")).isEqualTo(StopReason.COMPLETED);

        List<String> lines = Files.readAllLines(root.resolve("whole/stats.jsonl"));
        assertThat(lines).hasSize(4);
        assertThat(loss(root.resolve("whole-in-parts"), 3)).isEqualTo(loss(root.resolve("whole"), 3));
        assertThat(Files.readString(root.resolve("whole/ATTRIBUTION.txt"))).contains(set.toString());

        prepare(set, LAYOUT, 1);
        assertThatThrownBy(() -> train(config(set, 6), "whole"))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("data.identity");
    }

    @Test
    void setsThatDoNotFitTheModelAreNamed() throws Exception {
        Path plain = root.resolve("plain");
        prepare(plain, SampleLayout.latents(4, 8, FloatCode.FLOAT32), 0);
        Path wide = root.resolve("wide");
        prepare(wide, new SampleLayout(4, 8, FloatCode.FLOAT32, 0, 18, 24, FloatCode.FLOAT16), 0);
        Path large = root.resolve("large");
        prepare(large, SampleLayout.latents(4, 16, FloatCode.FLOAT32), 0);

        assertThatThrownBy(() -> train(config(plain, 2), "a")).hasMessageContaining("holds no encoder tokens");
        assertThatThrownBy(() -> train(config(wide, 2), "b")).hasMessageContaining("18 encoder tokens");
        assertThatThrownBy(() -> train(config(large, 2), "c")).hasMessageContaining("model.inputSize must be 16");
    }

    @Test
    void filesAreLookedAtBeforeARun() throws Exception {
        Path set = root.resolve("set");
        prepare(set, LAYOUT, 0);
        Path large = root.resolve("large");
        prepare(large, SampleLayout.latents(4, 16, FloatCode.FLOAT32), 0);
        Path gone = root.resolve("gone");

        assertThat(RunFiles.check(config(set, 2).value())).isEmpty();
        assertThat(RunFiles.check(config(gone, 2).value()))
                .containsExactly("data.path " + gone + " is not there yet and was not checked");
        assertThatThrownBy(() -> RunFiles.check(config(large, 2).value()))
                .hasMessageContaining("model.inputSize must be 16");
    }

    /** A sample that is not what was written ends the run before a step has used it. */
    @Test
    void aDamagedSampleEndsTheRun() throws Exception {
        Path set = root.resolve("set");
        prepare(set, LAYOUT, 0);
        Path run = root.resolve("run");
        assertThat(train(config(set, 2), "run")).isEqualTo(StopReason.COMPLETED);
        for (int shard = 0; shard < 2; shard++) {
            damage(set.resolve(ShardIndex.fileName(shard)), "moments");
        }

        assertThatThrownBy(() -> train(config(set, 40), "run"))
                .rootCause()
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("it is damaged");

        assertThat(run.resolve("checkpoints/state-0000002/manifest.json")).exists();
        prepare(set, LAYOUT, 0); // the same set, put back
        assertThat(train(config(set, 4), "run")).isEqualTo(StopReason.COMPLETED);
    }

    /** Names are no part of a sample, so the damage shows in the file's hash alone. */
    @Test
    void aDamagedShardEndsTheRun() throws Exception {
        Path set = root.resolve("set");
        prepare(set, LAYOUT, 0);
        assertThat(train(config(set, 2), "run")).isEqualTo(StopReason.COMPLETED);
        damage(set.resolve(ShardIndex.fileName(1)), "name");

        assertThatThrownBy(() -> train(config(set, 1_000_000), "run"))
                .rootCause()
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("shard-00001.safetensors")
                .hasMessageContaining("its SHA-256 is");

        assertThat(root.resolve("run/checkpoints")).isNotEmptyDirectory();
        prepare(set, LAYOUT, 0);
        assertThat(train(config(set, 4), "copy")).isEqualTo(StopReason.COMPLETED);
    }

    private static void damage(Path path, String tensor) throws IOException {
        long position;
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            long end = file.tensors().values().stream()
                    .mapToLong(TensorInfo::end)
                    .max()
                    .orElseThrow();
            position = Files.size(path) - end + file.tensors().get(tensor).begin();
        }
        byte[] bytes = Files.readAllBytes(path);
        bytes[Math.toIntExact(position)] ^= 1;
        Files.write(path, bytes);
    }

    private Bound<RunConfig> config(Path set, int steps) {
        return ConfigBinder.bind(
                Path.of("..", "configs", "imagenet-sit-b-2.yaml"),
                List.of(
                        "data.path=" + set,
                        "encoder.kind=CACHED",
                        "encoder.path=null",
                        "encoder.width=24",
                        "model.variant=null",
                        "model.inputSize=8",
                        "model.patchSize=2",
                        "model.hiddenSize=32",
                        "model.depth=2",
                        "model.numHeads=2",
                        "model.numClasses=3",
                        "align.depth=1",
                        "align.projectorDim=16",
                        "train.globalBatch=4",
                        "train.accumulation=1",
                        "train.steps=" + steps,
                        "train.saveEvery=2",
                        "runtime.device=cpu",
                        "runtime.precision=FLOAT32",
                        "runtime.logEvery=1"),
                RunConfig.class);
    }

    private StopReason train(Bound<RunConfig> config, String folder) throws IOException {
        return TrainingRun.open(config, root.resolve(folder))
                .withCache(root.resolve("cache"))
                .withVersion("test")
                .run();
    }

    private static double loss(Path run, int line) throws IOException {
        return JsonParser.parseString(
                        Files.readAllLines(run.resolve("stats.jsonl")).get(line))
                .getAsJsonObject()
                .get("loss")
                .getAsDouble();
    }

    private static void prepare(Path folder, SampleLayout layout, long seed) throws IOException {
        Files.createDirectories(folder);
        Random random = new Random(seed);
        List<ShardIndex.Entry> entries = new ArrayList<>();
        for (int shard = 0; shard < 2; shard++) {
            ShardBuilder builder = new ShardBuilder(layout);
            for (int i = 0; i < 5; i++) {
                builder.add(new PreparedSample(
                        "p" + i,
                        i % 3,
                        numbers(random, layout.momentValues()),
                        null,
                        layout.tokens() == 0 ? null : numbers(random, layout.tokenValues())));
            }
            String sha256 = builder.write(folder.resolve(ShardIndex.fileName(shard)), Map.of())
                    .sha256();
            entries.add(new ShardIndex.Entry(5, sha256));
        }
        new ShardIndex(layout, Map.of(), List.of("a", "b", "c"), entries).write(folder);
    }

    private static float[] numbers(Random random, int count) {
        float[] out = new float[count];
        for (int i = 0; i < count; i++) {
            out[i] = (float) random.nextGaussian();
        }
        return out;
    }
}
