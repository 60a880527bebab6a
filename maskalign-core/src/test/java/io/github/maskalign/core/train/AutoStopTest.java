package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.train.AutoStop.Memory;
import io.github.maskalign.core.train.AutoStop.Rule;
import io.github.maskalign.core.train.AutoStop.Sides;
import io.github.maskalign.core.train.Objective.StepLosses;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Terms that stop when their gradient turns against the rest: when, for how long, and over interruptions. */
@Tag("bits")
class AutoStopTest {
    private static final Rule TWICE = new Rule(2, 2);

    /** Steps before which the cosine is negative: once at the fourth step, then at the eighth and the tenth. */
    private static final Set<Long> AGAINST = Set.of(3L, 7L, 9L, 13L);

    @TempDir
    private Path folder;

    private final Map<Long, Map<String, Double>> measured = new LinkedHashMap<>();
    private final Map<Long, Double> losses = new LinkedHashMap<>();

    @Test
    void theTermStopsForGoodAtTheSecondNegativeCosineInARow() throws Exception {
        run("whole", step -> false);

        assertThat(measured.keySet()).containsExactly(2L, 4L, 6L, 8L, 10L); // and nothing is measured afterwards
        measured.forEach((step, values) -> {
            double expected = AGAINST.contains(step - 1) ? -1 : 1;
            assertThat(values.get("auto_stop/cosine")).isCloseTo(expected, within(1e-6)); // float32 gradients
            assertThat(values.get("auto_stop/stopped")).isEqualTo(step == 10 ? 1.0 : 0.0);
        });
        assertThat(losses.keySet()).hasSize(20);
        losses.forEach((step, withTerm) -> assertThat(withTerm).isEqualTo(step < 10 ? 1.0 : 0.0));
    }

    @ParameterizedTest
    @ValueSource(longs = {3, 8, 9, 10, 14})
    void stoppedAndResumedEqualsUninterrupted(long at) throws Exception {
        run("whole", step -> false);
        run("parts", step -> step == at);
        run("parts", step -> false);

        assertSame("parts", "whole");
    }

    @ParameterizedTest
    @ValueSource(longs = {8, 12, 17})
    void killedAndResumedEqualsUninterrupted(long at) throws Exception {
        run("whole", step -> false);
        assertThatThrownBy(() -> run("parts", step -> {
                    if (step == at) {
                        throw new IllegalStateException("killed");
                    }
                    return false;
                }))
                .hasMessage("killed");
        run("parts", step -> false); // from the state before, and not from this step

        assertSame("parts", "whole");
    }

    @Test
    void whatIsRememberedIsCheckedWhenItIsRead() throws Exception {
        run("run", step -> step == 8);
        Path manifest = folder.resolve("run/checkpoints/state-0000008/manifest.json");
        String text = Files.readString(manifest);
        assertThat(text).contains("\"auto_stop\": \"-1 1\"");
        String other = text.replace("\"auto_stop\": \"-1 1\"", "\"auto_stop\": \"99 1\"");
        Files.writeString(manifest, other);
        Path sum = manifest.resolveSibling("manifest.sha256");
        Files.writeString(sum, Files.readString(sum).replace(Digests.sha256(text), Digests.sha256(other)));

        assertThatThrownBy(() -> run("run", step -> false))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("auto_stop must be a step below 8");
    }

    @Test
    void aRunWithoutSuchTermsRemembersNothing() throws Exception {
        try (RunningTiny tiny = new RunningTiny(folder.resolve("plain"), RunningTiny.TWENTY)) {
            tiny.loop().run();
            assertThat(tiny.state().autoStop()).isEqualTo(Memory.NONE);
        }
        assertThat(Files.readString(
                        folder.resolve("plain/checkpoints/state-0000020/manifest.json"), StandardCharsets.UTF_8))
                .doesNotContain("auto_stop");
    }

    @Test
    void arraysThatOneSideDoesNotReachDoNotCount() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDList one = new NDList(vector(manager, 3, 4), vector(manager, 0, 0), vector(manager, 9, 9));
            NDList other = new NDList(vector(manager, 4, 3), vector(manager, 5, 5), vector(manager, 0, 0));

            assertThat(AutoStop.cosine(one, other, manager).orElseThrow()).isCloseTo(24.0 / 25, within(1e-12));
            assertThat(AutoStop.cosine(new NDList(one.get(1)), new NDList(other.get(1)), manager))
                    .isEqualTo(OptionalDouble.empty());
            NDList broken = new NDList(vector(manager, Float.NaN, 1));
            assertThat(AutoStop.cosine(broken, new NDList(other.get(0)), manager))
                    .isEmpty();
        }
    }

    private static NDArray vector(NDManager manager, float... values) {
        return manager.create(values, new Shape(values.length)).duplicate();
    }

    private void assertSame(String run, String other) {
        for (String file : List.of(
                "checkpoints/state-0000020/weights.safetensors",
                "checkpoints/state-0000020/exp_avg_sq.safetensors",
                "checkpoints/state-0000020/manifest.json",
                "snapshot-0000010.safetensors",
                "snapshot-0000020.safetensors")) {
            if (!file.endsWith("json")) {
                assertThat(folder.resolve(run).resolve(file))
                        .hasSameBinaryContentAs(folder.resolve(other).resolve(file));
            } else {
                assertThat(folder.resolve(run).resolve(file)).content().contains("\"auto_stop\": \"9 2\"");
            }
        }
    }

    /** Tells after which step a run is asked to stop. */
    private interface Ending {
        boolean at(long step);
    }

    private void run(String name, Ending ending) throws IOException {
        try (NDManager manager = NDManager.newBaseManager()) {
            Stopping objective = new Stopping(manager);
            try (TrainState state = new TrainState(manager, objective.parameters())) {
                TrainLoop[] loop = new TrainLoop[1];
                TrainListener look = new TrainListener() {
                    @Override
                    public void onStep(StepResult result, TrainState after) {
                        if (!result.measured().isEmpty()) {
                            measured.put(result.step(), result.measured());
                        }
                        losses.put(result.step(), result.parts().get("term"));
                        if (ending.at(result.step())) {
                            loop[0].requestStop();
                        }
                    }
                };
                RunIdentity identity = RunIdentity.of("tiny", Map.of(), Map.of());
                loop[0] = new TrainLoop(RunningTiny.TWENTY, RunningTiny.OPTIM, objective, state, List.of(look))
                        .withCheckpoints(RunCheckpoints.open(folder.resolve(name), identity, 2));
                loop[0].run();
            }
        }
    }

    /** The small objective with one term more until it stops: the largest error. */
    private static final class Stopping implements Objective {
        private final TinyObjective plain;
        private final AutoStop stop = new AutoStop(TWICE, this::sides);

        Stopping(NDManager manager) {
            plain = new TinyObjective(manager, 3);
        }

        @Override
        public Map<String, Parameter> parameters() {
            return plain.parameters();
        }

        @Override
        public Optional<AutoStop> autoStop() {
            return Optional.of(stop);
        }

        @Override
        public StepLosses loss(NDManager scratch, long step, long first, int count) {
            StepLosses losses = plain.loss(scratch, step, first, count);
            NDArray term = losses.parts().get("largest");
            NDArray total = stop.stopped() ? losses.total() : losses.total().add(term);
            return new StepLosses(
                    total, Map.of("term", stop.stopped() ? scratch.zeros(new Shape()) : scratch.ones(new Shape())));
        }

        private Sides sides(NDManager scratch, long step, long first, int count) {
            return new Sides(
                    () -> {
                        NDArray total = plain.loss(scratch, step, first, count).total();
                        return new StepLosses(AGAINST.contains(step) ? total.neg() : total, Map.of());
                    },
                    () -> new StepLosses(plain.loss(scratch, step, first, count).total(), Map.of()));
        }
    }
}
