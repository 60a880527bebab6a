package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.train.Objective.StepLosses;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("bits")
@Tag("device")
class TrainStepTest {
    private static final OptimConfig CONFIG = OptimConfig.PAPER.withLr(1e-2).withEmaDecay(0.9);

    private NDManager manager;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager();
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @Test
    void lossFalls() {
        TinyObjective objective = new TinyObjective(manager, 3);
        try (TrainState state = new TrainState(manager, objective.parameters())) {
            TrainStep step = new TrainStep(objective, state, CONFIG, 16, 1);
            StepResult first = step.run();
            for (int i = 0; i < 150; i++) {
                step.run();
            }

            StepResult last = step.run();

            assertThat(first.step()).isEqualTo(1);
            assertThat(last.step()).isEqualTo(152);
            assertThat(last.loss()).isLessThan(0.5 * first.loss());
            assertThat(last.parts()).containsOnlyKeys("largest");
            assertThat(last.lr()).isEqualTo(1e-2);
            assertThat(last.applied()).isTrue();
            assertThat(last.nonFinite()).isNull();
            assertThat(last.seconds().model()).isPositive();
        }
    }

    @Test
    void noManagerGrowsOverFiftySteps() {
        TinyObjective objective = new TinyObjective(manager, 3);
        try (TrainState state = new TrainState(manager, objective.parameters())) {
            TrainStep step = new TrainStep(objective, state, CONFIG, 4, 2);
            List<NDManager> managers = new ArrayList<>(List.of(state.manager()));
            for (NDManager m = manager; m != null; m = m.getParentManager()) {
                managers.add(m);
            }
            for (int i = 0; i < 3; i++) {
                step.run();
            }
            List<Integer> before =
                    managers.stream().map(m -> m.getManagedArrays().size()).toList();

            for (int i = 0; i < 50; i++) {
                step.run();
            }

            assertThat(managers.stream().map(m -> m.getManagedArrays().size())).containsExactlyElementsOf(before);
            assertThat(managers).hasSizeGreaterThanOrEqualTo(3);
        }
    }

    @Test
    void splittingABatchChangesRoundingOnly() {
        Map<Integer, Map<String, float[]>> found = new LinkedHashMap<>();
        Map<Integer, StepResult> results = new LinkedHashMap<>();
        for (int accumulation : new int[] {1, 2, 4, 8}) {
            TinyObjective objective = new TinyObjective(manager, 3);
            try (TrainState state = new TrainState(manager, objective.parameters())) {
                TrainStep step = new TrainStep(objective, state, CONFIG, 8, accumulation);
                step.run();
                results.put(accumulation, step.run());
                found.put(accumulation, AdamWTest.copy(state.expAvg()));
            }
        }

        for (int accumulation : new int[] {2, 4, 8}) {
            assertThat(results.get(accumulation).loss())
                    .isCloseTo(results.get(1).loss(), within(1e-6)); // fp32 mean of numbers of order 1
            assertThat(results.get(accumulation).gradNorm())
                    .isCloseTo(results.get(1).gradNorm(), within(1e-6));
            found.get(accumulation).forEach((key, m) -> {
                float[] whole = found.get(1).get(key);
                for (int i = 0; i < m.length; i++) {
                    // first moments are 0.1 and 0.09 times gradients of order 0.1
                    assertThat(m[i]).as(key).isCloseTo(whole[i], within(1e-7f));
                }
            });
        }
    }

    @Test
    void microBatchesCoverTheStreamWithoutGapOrOverlap() {
        List<Long> positions = new ArrayList<>();
        Map<String, Parameter> one = Map.of("w", AdamWTest.parameter(manager.ones(new Shape(2)), true));
        Objective objective =
                objective(one, (scratch, w) -> new StepLosses(w.square().sum(), Map.of()));
        Objective watched = new Objective() {
            @Override
            public Map<String, Parameter> parameters() {
                return one;
            }

            @Override
            public StepLosses loss(NDManager scratch, long step, long first, int count) {
                assertThat(GradMode.isOn()).isTrue();
                for (int i = 0; i < count; i++) {
                    positions.add(first + i);
                }
                return objective.loss(scratch, step, first, count);
            }
        };
        try (TrainState state = new TrainState(manager, one)) {
            TrainStep step = new TrainStep(watched, state, CONFIG, 6, 3);

            step.run();
            step.run();

            assertThat(positions).containsExactly(0L, 1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L, 10L, 11L);
        }
    }

    @Test
    void arraysOfAMicroBatchAreFreedBeforeTheNextOne() {
        List<NDManager> scratches = new ArrayList<>();
        Map<String, Parameter> one = Map.of("w", AdamWTest.parameter(manager.ones(new Shape(2)), true));
        Objective objective = objective(one, (scratch, w) -> {
            assertThat(scratches).noneMatch(NDManager::isOpen);
            scratches.add(scratch);
            return new StepLosses(w.square().sum(), Map.of());
        });
        try (TrainState state = new TrainState(manager, one)) {
            new TrainStep(objective, state, CONFIG, 3, 3).run();

            assertThat(scratches).hasSize(3).noneMatch(NDManager::isOpen);
        }
    }

    @Test
    void nonFiniteLossChangesNoBitAndTheRunGoesOn() {
        TinyObjective objective = new TinyObjective(manager, 3).poison(2);
        try (TrainState state = new TrainState(manager, objective.parameters())) {
            TrainStep step = new TrainStep(objective, state, CONFIG, 4, 2);
            step.run();
            step.run();
            Map<String, float[]> weights = AdamWTest.copy(state.weights());
            Map<String, float[]> ema = AdamWTest.copy(state.ema());
            Map<String, float[]> m = AdamWTest.copy(state.expAvg());
            Map<String, float[]> v = AdamWTest.copy(state.expAvgSq());

            StepResult poisoned = step.run();

            assertThat(poisoned.applied()).isFalse();
            assertThat(poisoned.nonFinite()).isEqualTo("loss");
            assertThat(poisoned.loss()).isNaN();
            AdamWTest.same(state.weights(), weights);
            AdamWTest.same(state.ema(), ema);
            AdamWTest.same(state.expAvg(), m);
            AdamWTest.same(state.expAvgSq(), v);
            assertThat(state.skipped()).isEqualTo(1);
            assertThat(step.run().applied()).isTrue();
        }
    }

    @Test
    void firstNonFiniteGradientIsNamed() {
        Map<String, Parameter> two = new LinkedHashMap<>();
        two.put("a", AdamWTest.parameter(manager.ones(new Shape(2)), true));
        two.put("b", AdamWTest.parameter(manager.zeros(new Shape(2)), true));
        Objective objective = objective(two, (scratch, a) -> {
            NDArray b = two.get("b").getArray();
            return new StepLosses(a.sum().add(b.sqrt().sum()), Map.of()); // d sqrt(0) is infinite
        });
        try (TrainState state = new TrainState(manager, two)) {
            StepResult result = new TrainStep(objective, state, CONFIG, 1, 1).run();

            assertThat(result.loss()).isEqualTo(2);
            assertThat(result.nonFinite()).isEqualTo("gradient of b");
            assertThat(two.get("a").getArray().toFloatArray()).containsOnly(1f);
        }
    }

    @Test
    void gradientsThatShareMemoryAreClippedAndSummedOnce() {
        // d sum(a + b): the gradients of a and b are one array, and all its elements one number
        double[] norms = new double[2];
        for (int accumulation = 1; accumulation <= 2; accumulation++) {
            Map<String, Parameter> two = new LinkedHashMap<>();
            two.put("a", AdamWTest.parameter(manager.ones(new Shape(3, 4)), true));
            two.put("b", AdamWTest.parameter(manager.ones(new Shape(3, 4)), true));
            Objective objective = objective(
                    two,
                    (scratch, a) ->
                            new StepLosses(a.add(two.get("b").getArray()).sum(), Map.of()));
            try (TrainState state = new TrainState(manager, two)) {
                norms[accumulation - 1] = new TrainStep(objective, state, CONFIG, 2, accumulation)
                        .run()
                        .gradNorm();

                float[] m = state.expAvg().get("a").toFloatArray();
                assertThat(state.expAvg().get("b").toFloatArray()).isEqualTo(m);
                // (1 - beta1) / sqrt(24), fp32
                assertThat(m[5]).isCloseTo((float) (0.1 / Math.sqrt(24)), within(1e-7f));
            }
        }
        assertThat(norms[0]).isCloseTo(Math.sqrt(24), within(1e-6)); // fp32
        assertThat(norms[1]).isCloseTo(Math.sqrt(24), within(1e-6));
    }

    @Test
    void exceptionInTheLossLeavesStateAndGradientModeAlone() {
        TinyObjective objective = new TinyObjective(manager, 3);
        try (TrainState state = new TrainState(manager, objective.parameters());
                GradMode before = GradMode.off()) {
            TrainStep step = new TrainStep(objective, state, CONFIG, 2, 1);
            step.run();
            Map<String, float[]> weights = AdamWTest.copy(state.weights());
            int arrays = state.manager().getManagedArrays().size();
            objective.interrupt(() -> {
                throw new IllegalStateException("disk on fire");
            });

            assertThatThrownBy(step::run).hasMessage("disk on fire");

            assertThat(state.step()).isEqualTo(1);
            AdamWTest.same(state.weights(), weights);
            assertThat(GradMode.isOn()).isFalse();
            assertThat(state.manager().getManagedArrays()).hasSize(arrays);
        }
    }

    @Test
    void collectingGarbageInTheMiddleOfAStepChangesNoBit() {
        Map<Boolean, Map<String, float[]>> found = new LinkedHashMap<>();
        for (boolean collect : new boolean[] {false, true}) {
            TinyObjective objective = new TinyObjective(manager, 3).interrupt(collect ? System::gc : () -> {});
            try (TrainState state = new TrainState(manager, objective.parameters())) {
                TrainStep step = new TrainStep(objective, state, CONFIG, 4, 2);
                for (int i = 0; i < 5; i++) {
                    step.run();
                }
                found.put(collect, AdamWTest.copy(state.weights()));
            }
        }
        found.get(true)
                .forEach((key, values) ->
                        assertThat(values).as(key).isEqualTo(found.get(false).get(key)));
    }

    @Test
    void numbersThatDoNotFitAreNamed() {
        TinyObjective objective = new TinyObjective(manager, 3);
        try (TrainState state = new TrainState(manager, objective.parameters())) {
            assertThatThrownBy(() -> new TrainStep(objective, state, CONFIG, 8, 3))
                    .hasMessage("accumulation must divide globalBatch 8 but was 3");
            assertThatThrownBy(() -> new TrainStep(objective, state, CONFIG, 0, 1))
                    .hasMessage("globalBatch must be at least 1 but was 0");
        }
        NDArray row = manager.ones(new Shape(2));
        assertThatThrownBy(() -> new StepLosses(row, Map.of()))
                .hasMessage("the total loss must be one number but has shape (2)");
    }

    /** On a GPU the engine's own way of writing an array gives it other memory, which nobody trains. */
    @Test
    void weightsThatAreLoadedLaterAreTrained() throws IOException {
        TinyObjective objective = new TinyObjective(manager, 3);
        try (TrainState state = new TrainState(manager, objective.parameters())) {
            TrainStep step = new TrainStep(objective, state, CONFIG, 4, 2);
            step.run();
            Map<String, TensorSource> loaded = new LinkedHashMap<>();
            state.weights().forEach((key, weight) -> {
                float[] values = new float[Math.toIntExact(weight.size())];
                Arrays.fill(values, 0.25f);
                loaded.put(key, TensorSource.of(weight.getShape(), values));
            });

            StateDict.ofTensors(loaded).copyTo(state.weights());
            step.run();

            for (String key : state.trainedKeys()) {
                for (float value : objective.parameters().get(key).getArray().toFloatArray()) {
                    assertThat(value).as(key).isCloseTo(0.25f, within(0.05f)); // two steps of a rate of 0.01
                }
                assertThat(objective
                                .parameters()
                                .get(key)
                                .getArray()
                                .sub(0.25f)
                                .abs()
                                .max()
                                .getFloat())
                        .as(key)
                        .isPositive();
            }
        }
    }

    /** An objective of the first weight alone, or of what the function looks up itself. */
    private static Objective objective(
            Map<String, Parameter> parameters, BiFunction<NDManager, NDArray, StepLosses> loss) {
        return new Objective() {
            @Override
            public Map<String, Parameter> parameters() {
                return parameters;
            }

            @Override
            public StepLosses loss(NDManager scratch, long step, long firstPosition, int count) {
                NDArray first = parameters.values().iterator().next().getArray();
                NDArray view = first.mul(1f); // results belong to the left operand's manager
                view.attach(scratch);
                return loss.apply(scratch, view);
            }
        };
    }
}
