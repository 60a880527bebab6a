package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.data.ImageTensorData;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.train.AutoStop;
import io.github.maskalign.core.train.LossSchedule;
import io.github.maskalign.core.train.LossSchedule.Course;
import io.github.maskalign.core.train.OptimConfig;
import io.github.maskalign.core.train.StepResult;
import io.github.maskalign.core.train.TrainListener;
import io.github.maskalign.core.train.TrainState;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** HASTE with the stop by the gradients' angle, from a config to the files of a run. */
@Tag("bits")
@Tag("device")
class AutoStopTrainingTest {
    private static final LossSchedule AUTO = new LossSchedule(Course.AUTO, 0);
    private static final int STEPS = 16;

    /** The cosines of this run are 0.02, 0.04, -0.15 and -0.21 at steps 2, 4, 6 and 8: far from 0 for float32. */
    private static final long STOP = 8;

    @TempDir
    Path folder;

    private final AttendingEncoder encoder = new AttendingEncoder(TinySiT.ENCODER, TinySiT.T, 2);
    private final Map<Long, Map<String, Double>> measured = new TreeMap<>();
    private final Map<Long, Set<String>> parts = new TreeMap<>();

    @Test
    void bothTermsEndWithTheSecondNegativeCosineAndNothingIsAskedOfTheEncoderAfterwards() throws IOException {
        train("run", 0, 0);

        assertThat(measured.keySet()).containsExactly(2L, 4L, 6L, 8L);
        measured.forEach((step, values) -> {
            assertThat(values.get("auto_stop/cosine") < 0).as("step " + step).isEqualTo(step >= 6);
            assertThat(values.get("auto_stop/stopped")).isEqualTo(step == STOP ? 1.0 : 0.0);
        });
        parts.forEach((step, names) -> assertThat(names)
                .isEqualTo(step < STOP ? Set.of("velocity", "align", "attention") : Set.of("velocity")));
        assertThat(encoder.asked).hasSize((int) (STOP - 1) + measured.size()); // each check encodes once more
        assertThat(encoder.asked).allMatch(List.of(4, 5)::equals);
        List<Long> recorded = new ArrayList<>();
        for (String line : Files.readAllLines(folder.resolve("run/stats.jsonl"))) {
            JsonObject values = JsonParser.parseString(line).getAsJsonObject();
            if (values.has("auto_stop/cosine")) {
                recorded.add(values.get("step").getAsLong());
            }
        }
        assertThat(recorded).containsExactlyElementsOf(measured.keySet());
    }

    @ParameterizedTest
    @ValueSource(longs = {3, 7, 13})
    void stoppedAndResumedEqualsUninterrupted(long at) throws IOException {
        train("whole", 0, 0);
        train("parts", at, 0);
        train("parts", 0, 0);

        for (String file : List.of("snapshot-0000016.safetensors", "checkpoints/state-0000016/exp_avg.safetensors")) {
            assertThat(folder.resolve("parts").resolve(file))
                    .hasSameBinaryContentAs(folder.resolve("whole").resolve(file));
        }
        assertThat(parts.get(STOP)).containsExactly("velocity");
        assertThat(parts.get(STOP - 1)).hasSize(3);
    }

    @Test
    void recomputedBlocksStopAlike() throws IOException {
        train("plain", 0, 0);
        Map<Long, Map<String, Double>> plain = new TreeMap<>(measured);
        measured.clear();
        train("recomputed", 0, 1);

        assertThat(measured.keySet()).isEqualTo(plain.keySet());
        measured.forEach((step, values) -> assertThat(values.get("auto_stop/cosine"))
                .isCloseTo(plain.get(step).get("auto_stop/cosine"), within(1e-4))); // sums in another order
    }

    @Test
    void termsWithoutAnEncoderCannotStopByTheAngle() {
        LossTerms terms = new LossTerms(
                Optional.of(new LossTerms.LayerSync(0.2, 1, 2, AUTO)),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                AutoStop.Rule.USUAL);

        assertThatThrownBy(() -> TinySiT.repa().withTerms(terms))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("terms.layerSync.schedule must not be AUTO");
    }

    private void train(String name, long endAfter, int checkpointing) throws IOException {
        SiTConfig repa = TinySiT.repa();
        SiTConfig model = repa.withAlignment(repa.align().withWeight(AUTO))
                .withTerms(new LossTerms(
                        Optional.empty(),
                        Optional.empty(),
                        Optional.empty(),
                        Optional.of(new LossTerms.Attention(0.5, List.of(1, 2), List.of(4, 5), AUTO)),
                        Optional.empty(),
                        Optional.empty(),
                        new AutoStop.Rule(2, 2)));
        SiTTraining[] running = new SiTTraining[1];
        TrainListener look = new TrainListener() {
            @Override
            public void onStep(StepResult result, TrainState state) {
                if (!result.measured().isEmpty()) {
                    measured.put(result.step(), result.measured());
                }
                parts.put(result.step(), result.parts().keySet());
                if (result.step() == endAfter) {
                    running[0].requestStop();
                }
            }
        };
        try (SiTTraining training = SiTTraining.builder()
                .setModel(model)
                .setData((draws, kept) -> pictures(draws))
                .setSteps(STEPS)
                .optSeed(3)
                .setBatch(4)
                .optEncoder(encoder)
                .optOptim(OptimConfig.PAPER.withLr(3e-3))
                .optFolder(folder.resolve(name))
                .optActivationCheckpointing(checkpointing)
                .optListener(look)
                .build()) {
            running[0] = training;
            training.run();
        }
    }

    private static ImageTensorData pictures(Draws draws) {
        SplittableRandom random = new SplittableRandom(7);
        byte[][] pixels = new byte[16][3 * 6 * 6];
        for (byte[] picture : pixels) {
            random.nextBytes(picture);
        }
        return new ImageTensorData(pixels, new int[16], new Shape(3, 6, 6), draws);
    }
}
