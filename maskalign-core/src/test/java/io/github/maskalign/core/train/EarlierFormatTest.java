package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A saved state as the first format wrote it, kept as it is: runs that began with it must go on. A new format gets a
 * folder of its own, and this one stays.
 */
class EarlierFormatTest {
    private static final Path FIRST = Path.of("src/test/resources/formats/checkpoint-1");
    private static final TrainConfig THREE = new TrainConfig(3, 4, 2, 0, 1, 0, 0, 0);

    @TempDir
    Path root;

    @Test
    void runOfTheFirstFormatGoesOn() throws Exception {
        Path old = Files.createDirectories(root.resolve("old/checkpoints/state-0000003"));
        try (Stream<Path> files = Files.list(FIRST.resolve("state-0000003"))) {
            for (Path file : files.toList()) {
                Files.copy(file, old.resolve(file.getFileName()));
            }
        }
        List<StartKind> kinds = new ArrayList<>();

        try (RunningTiny resumed = run("old", kinds);
                RunningTiny fresh = run("fresh", kinds)) {
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
                float[] there = found.get(name).get(key).toFloatArray();
                float[] here = array.toFloatArray();
                for (int i = 0; i < here.length; i++) {
                    // three steps of at most 0.01 on another processor, whose sums are rounded otherwise
                    assertThat(there[i]).as("%s %s", name, key).isCloseTo(here[i], within(1e-4f));
                }
            }));
        }
    }

    private RunningTiny run(String folder, List<StartKind> kinds) throws Exception {
        TrainListener listener = new TrainListener() {
            @Override
            public void onStart(StartKind kind, TrainState state) {
                kinds.add(kind);
            }
        };
        return new RunningTiny(
                root.resolve(folder),
                THREE,
                RunningTiny.OPTIM.withExtraEmaDecays(List.of(0.5)),
                Map.of("optim.lr", "0.01"),
                files -> files,
                listener);
    }
}
