package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.random.Draws.RandomStream;
import io.github.maskalign.core.train.RunCheckpoints.StateArrays;
import io.github.maskalign.core.train.TrainListener.StartKind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A saved state as the first format wrote it, kept as it is: runs that began with it must go on. A new format gets a
 * folder of its own, and this one stays.
 *
 * <p>The run drew its normal numbers with {@code SplittableRandom.nextGaussian} of Java 17, as the library did then;
 * {@code numbers.safetensors} keeps them.
 */
@Tag("bits")
class EarlierFormatTest {
    private static final Path FIRST = Path.of("src/test/resources/formats/checkpoint-1");
    private static final String QKV_BIAS = "blocks.0.attn.qkv.bias";

    @TempDir
    Path root;

    @Test
    void runOfTheFirstFormatHoldsWhatAFreshOneComputes() throws Exception {
        copyState("old");
        List<StartKind> kinds = new ArrayList<>();

        try (RunningTiny resumed = run("old", 3, kinds);
                RunningTiny fresh = run("fresh", 3, kinds)) {
            resumed.loop().run();
            fresh.loop().run();

            assertThat(kinds).containsExactly(StartKind.RESUMED, StartKind.SCRATCH);
            assertThat(resumed.state().step()).isEqualTo(3);
            Map<String, Map<String, NDArray>> expected =
                    StateArrays.of(fresh.state()).files();
            Map<String, Map<String, NDArray>> found =
                    StateArrays.of(resumed.state()).files();
            assertThat(found.keySet())
                    .isEqualTo(expected.keySet())
                    .containsExactlyInAnyOrder("weights", "ema", "ema-0_5", "exp_avg", "exp_avg_sq");
            expected.forEach((name, arrays) -> arrays.forEach((key, array) -> {
                float[] there = determined(key, found.get(name).get(key));
                float[] here = determined(key, array);
                for (int i = 0; i < here.length; i++) {
                    // three steps of at most 0.01 on another processor, whose sums are rounded otherwise
                    assertThat(there[i]).as("%s %s", name, key).isCloseTo(here[i], within(1e-4f));
                }
            }));
        }
    }

    @Test
    void runOfTheFirstFormatGoesOn() throws Exception {
        copyState("old");
        List<StartKind> kinds = new ArrayList<>();
        Map<String, float[]> saved;
        try (RunningTiny resumed = run("old", 3, kinds)) {
            resumed.loop().run();
            saved = AdamWTest.copy(resumed.state().weights());
        }

        try (RunningTiny further = run("old", 4, kinds)) {
            further.loop().run();

            assertThat(kinds).containsExactly(StartKind.RESUMED, StartKind.RESUMED);
            assertThat(further.state().step()).isEqualTo(4);
            AdamWTest.copy(further.state().weights()).forEach((key, now) -> {
                if (key.equals("pos_embed")) {
                    assertThat(now).isEqualTo(saved.get(key)); // frozen
                } else {
                    assertThat(now).as(key).isNotEqualTo(saved.get(key));
                    for (int i = 0; i < now.length; i++) {
                        assertThat(now[i]).as(key).isCloseTo(saved.get(key)[i], within(0.05f)); // lr 0.01
                    }
                }
            });
        }
    }

    /**
     * Leaves out the biases of the keys. They add the same to all scores of a query, which softmax ignores, so their
     * gradients are nothing but rounding; Adam divides by their size and makes steps of full length of them.
     */
    private static float[] determined(String key, NDArray array) {
        float[] all = array.toFloatArray();
        if (!key.equals(QKV_BIAS)) {
            return all;
        }
        int third = all.length / 3;
        float[] out = Arrays.copyOf(all, 2 * third);
        System.arraycopy(all, 2 * third, out, third, third); // queries and values
        return out;
    }

    private void copyState(String run) throws IOException {
        Path old = Files.createDirectories(root.resolve(run + "/checkpoints/state-0000003"));
        try (Stream<Path> files = Files.list(FIRST.resolve("state-0000003"))) {
            for (Path file : files.toList()) {
                Files.copy(file, old.resolve(file.getFileName()));
            }
        }
    }

    private RunningTiny run(String folder, int steps, List<StartKind> kinds) throws Exception {
        TrainListener listener = new TrainListener() {
            @Override
            public void onStart(StartKind kind, TrainState state) {
                kinds.add(kind);
            }
        };
        TinyObjective.Numbers numbers = numbersOfThatTime();
        return new RunningTiny(
                root.resolve(folder),
                new TrainConfig(steps, 4, 2, new TrainConfig.Saving(0, 1, 0), new TrainConfig.Skipping(0, 0)),
                RunningTiny.OPTIM.withExtraEmaDecays(List.of(0.5)),
                Map.of("optim.lr", "0.01"),
                files -> files,
                manager -> new TinyObjective(manager, numbers, numbers),
                listener);
    }

    private static TinyObjective.Numbers numbersOfThatTime() throws IOException {
        Map<RandomStream, float[]> numbers = new LinkedHashMap<>();
        Map<RandomStream, Integer> widths = new LinkedHashMap<>();
        try (NDManager manager = NDManager.newBaseManager();
                SafetensorsFile file = SafetensorsFile.open(FIRST.resolve("numbers.safetensors"))) {
            file.stateDict().read(manager).forEach((name, array) -> {
                numbers.put(RandomStream.valueOf(name), array.toFloatArray());
                widths.put(RandomStream.valueOf(name), (int) array.getShape().get(1));
            });
        }
        return (stream, first, rows, width) -> {
            float[] out = new float[rows * width];
            for (int i = 0; i < rows; i++) {
                int from = (int) ((first + i) % 12) * widths.get(stream); // after the third step they repeat
                System.arraycopy(numbers.get(stream), from, out, i * width, width);
            }
            return out;
        };
    }
}
