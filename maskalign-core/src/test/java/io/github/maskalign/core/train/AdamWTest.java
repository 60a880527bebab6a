package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.Draws.RandomStream;
import io.github.maskalign.core.train.OptimConfig.LrSchedule;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("bits")
@Tag("device")
class AdamWTest {
    private static final Draws DRAWS = new Draws(20260612);
    private static final Map<String, Shape> SHAPES =
            Map.of("a.weight", new Shape(17, 7), "b.bias", new Shape(13), "c", new Shape(3, 1, 2, 3));

    private final Map<String, Parameter> parameters = new LinkedHashMap<>();
    private NDManager manager;
    private GradMode values;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager();
        values = GradMode.off();
        for (String key : new String[] {"a.weight", "b.bias", "c"}) {
            parameters.put(key, parameter(random(parameters.size(), SHAPES.get(key), 0.3f), true));
        }
    }

    @AfterEach
    void close() {
        values.close();
        manager.close();
    }

    /** Groups of one array, of two, and of all: with clipping, decay and a frozen weight between the others. */
    @ParameterizedTest
    @ValueSource(longs = {1, 125, 1 << 20})
    void blocksAndGroupsGiveEqualBits(long group) {
        OptimConfig config = OptimConfig.PAPER
                .withLr(3e-3)
                .withWeightDecay(0.1, true)
                .withEmaDecay(0.95)
                .withExtraEmaDecays(List.of(0.8, 0.0));
        Parameter last = parameters.remove("c");
        parameters.put("frozen", parameter(random(9, new Shape(5), 1), false));
        parameters.put("c", last);
        Map<String, Parameter> others = new LinkedHashMap<>();
        parameters.forEach((key, p) -> others.put(key, parameter(p.getArray().duplicate(), !key.equals("frozen"))));
        try (TrainState blocks = new TrainState(manager, parameters, config.extraEmaDecays());
                TrainState whole = new TrainState(manager, others, config.extraEmaDecays())) {
            AdamW byBlocks = new AdamW(config, blocks, byBlocks(64));
            AdamW atOnce = new AdamW(config, whole, new AdamW.Form(0, group, false));

            for (int s = 0; s < 5; s++) {
                NDList losses = new NDList(manager.create(1f));
                NDList gradients = gradients(s, 3f);
                byBlocks.step(gradients, losses, manager);
                atOnce.step(gradients, losses, manager);
            }

            for (String key : blocks.trainedKeys()) {
                assertThat(blocks.weight(key).toFloatArray())
                        .as(key)
                        .isEqualTo(whole.weight(key).toFloatArray());
                assertThat(blocks.ema().get(key).toFloatArray())
                        .as(key)
                        .isEqualTo(whole.ema().get(key).toFloatArray());
                for (double decay : config.extraEmaDecays()) {
                    assertThat(extra(blocks, decay, key)).as(key).isEqualTo(extra(whole, decay, key));
                }
                assertThat(extra(whole, 0, key)).isEqualTo(whole.weight(key).toFloatArray());
            }
            for (double decay : config.extraEmaDecays()) {
                assertThat(extra(blocks, decay, "frozen")).isEqualTo(extra(whole, decay, "frozen"));
            }
        }
    }

    /** Where the engine has the kernel for this device: not so 2.3.1 on a CPU, which says so and is not used. */
    @ParameterizedTest
    @ValueSource(floats = {0.01f, 3})
    void fusedKernelDiffersByRoundings(float scale) {
        OptimConfig config = OptimConfig.PAPER
                .withLr(3e-3)
                .withWeightDecay(0.1, true)
                .withEmaDecay(0.95)
                .withExtraEmaDecays(List.of(0.8, 0.0));
        Map<String, Parameter> others = new LinkedHashMap<>();
        parameters.forEach((key, p) -> others.put(key, parameter(p.getArray().duplicate(), true)));
        try (TrainState exact = new TrainState(manager, parameters, config.extraEmaDecays());
                TrainState fused = new TrainState(manager, others, config.extraEmaDecays())) {
            boolean old = manager.getEngine().getVersion().startsWith("2.3");
            assertThat(AdamW.fusedAgrees(fused)).isEqualTo(!old);
            assumeTrue(!old, "this engine has AdamW as one kernel for GPUs alone");
            AdamW formulas = new AdamW(config, exact);
            AdamW kernel = new AdamW(config, fused, new AdamW.Form(0, 125, true));
            for (int s = 0; s < 20; s++) {
                NDList gradients = gradients(s, scale);
                formulas.step(gradients, loss(1), manager);
                kernel.step(gradients, loss(1), manager);
            }
            for (String key : exact.trainedKeys()) {
                // 20 updates of 3e-3 to numbers of order 1, each with some roundings of its own
                close(fused.weight(key), doubles(exact.weight(key)), 2e-6);
                close(fused.ema().get(key), doubles(exact.ema().get(key)), 2e-6);
                close(fused.expAvg().get(key), doubles(exact.expAvg().get(key)), 2e-6 * Math.max(1, scale));
                close(fused.expAvgSq().get(key), doubles(exact.expAvgSq().get(key)), 2e-6 * Math.max(1, scale * scale));
                allDiffer(
                        fused.weight(key),
                        parameters.get(key).getArray().zerosLike().toFloatArray());
                assertThat(extra(fused, 0, key)).isEqualTo(fused.weight(key).toFloatArray());
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 64})
    void furtherAveragesAreThoseOfARunWithThatDecayAlone(int block) {
        OptimConfig several = OptimConfig.PAPER.withLr(3e-3).withEmaDecay(0.95).withExtraEmaDecays(List.of(0.9, 0.7));
        Map<String, Parameter> fresh = new LinkedHashMap<>();
        parameters.forEach((key, p) -> fresh.put(key, parameter(p.getArray().duplicate(), true)));
        try (TrainState all = new TrainState(manager, parameters, several.extraEmaDecays())) {
            steps(new AdamW(several, all, byBlocks(block)));
            for (double decay : new double[] {0.95, 0.9, 0.7}) {
                Map<String, Parameter> again = new LinkedHashMap<>();
                fresh.forEach((key, p) -> again.put(key, parameter(p.getArray().duplicate(), true)));
                try (TrainState one = new TrainState(manager, again)) {
                    steps(new AdamW(OptimConfig.PAPER.withLr(3e-3).withEmaDecay(decay), one, byBlocks(block)));
                    for (String key : one.trainedKeys()) {
                        float[] found = decay == 0.95 ? all.ema().get(key).toFloatArray() : extra(all, decay, key);
                        assertThat(found).as(key).isEqualTo(one.ema().get(key).toFloatArray());
                        allDiffer(one.ema().get(key), fresh.get(key).getArray().toFloatArray());
                    }
                }
            }
        }
    }

    @Test
    void stateWithoutTheAveragesOfTheSettingsIsRefused() {
        try (TrainState state = new TrainState(manager, parameters, List.of(0.9))) {
            assertThatThrownBy(() -> new AdamW(OptimConfig.PAPER.withExtraEmaDecays(List.of(0.99)), state))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("the state must have averages of the decays [0.99] besides the first but has [0.9]");
        }
        assertThatThrownBy(() -> OptimConfig.PAPER.withExtraEmaDecays(List.of(0.5, 1.5)))
                .hasMessage("each of extraEmaDecays must be in [0, 1] but was 1.5");
        assertThatThrownBy(() -> OptimConfig.PAPER.withExtraEmaDecays(List.of(0.9999)))
                .hasMessage("each of extraEmaDecays must be another than emaDecay and the rest but was 0.9999");
    }

    private static AdamW.Form byBlocks(int block) {
        return new AdamW.Form(block, 1 << 20, false);
    }

    private void steps(AdamW optimizer) {
        for (int s = 0; s < 5; s++) {
            optimizer.step(gradients(s, 3f), new NDList(manager.create(1f)), manager);
        }
    }

    private static float[] extra(TrainState state, double decay, String key) {
        return state.extraEma().get(decay).get(key).toFloatArray();
    }

    @Test
    void twentyStepsEqualTheFormulasInDoublePrecision() {
        parameters.put("frozen", parameter(random(9, new Shape(5), 1), false));
        OptimConfig config = OptimConfig.PAPER
                .withLr(3e-3)
                .withWeightDecay(0.1, false)
                .withEmaDecay(0.95)
                .withSchedule(LrSchedule.COSINE, 3, 15, 0.1);
        try (TrainState state = new TrainState(manager, parameters)) {
            AdamW optimizer = new AdamW(config, state);
            Map<String, AdamWTwin> twins = new LinkedHashMap<>();
            parameters.forEach(
                    (key, p) -> twins.put(key, new AdamWTwin(p.getArray().toFloatArray())));
            for (int s = 0; s < 20; s++) {
                NDList gradients = gradients(s, s % 2 == 0 ? 1f : 0.01f);

                AdamW.Report report = optimizer.step(gradients, loss(1), manager);

                double norm = AdamWTwin.norm(
                        gradients.stream().map(NDArray::toFloatArray).toList());
                assertThat(report.gradNorm()).isCloseTo(norm, within(1e-6 * norm)); // fp32, 150 squares
                int i = 0;
                for (String key : parameters.keySet()) {
                    AdamWTwin twin = twins.get(key);
                    if (i < 3) {
                        twin.update(gradients.get(i).toFloatArray(), norm, config, s, !key.equals("b.bias"));
                    }
                    twin.average(config.emaDecay());
                    // 20 fp32 updates of numbers of order 1
                    close(state.weights().get(key), twin.weights(), 2e-6);
                    close(state.ema().get(key), twin.ema(), 2e-6);
                    i++;
                }
            }
        }
    }

    @Test
    void everyWeightAndEveryAverageMoves() {
        parameters.put("frozen", parameter(manager.ones(new Shape(5)), false));
        try (TrainState state = new TrainState(manager, parameters)) {
            Map<String, float[]> before = copy(state.weights());
            Map<String, float[]> average = copy(state.ema());

            new AdamW(OptimConfig.PAPER.withLr(0.1).withEmaDecay(0.5), state).step(gradients(0, 1), loss(1), manager);

            for (String key : SHAPES.keySet()) {
                allDiffer(state.weights().get(key), before.get(key));
                allDiffer(state.ema().get(key), average.get(key));
                allDiffer(state.expAvg().get(key), new float[before.get(key).length]);
                allDiffer(state.expAvgSq().get(key), new float[before.get(key).length]);
            }
            assertThat(state.weights().get("frozen").toFloatArray()).containsOnly(1f);
            assertThat(state.expAvg()).doesNotContainKey("frozen");
        }
    }

    @Test
    void averageOfAFrozenWeightDriftsByRoundingAsInTheReference() {
        parameters.put("frozen", parameter(random(9, new Shape(50), 1), false));
        try (TrainState state = new TrainState(manager, parameters)) {
            AdamW optimizer = new AdamW(OptimConfig.PAPER, state);
            for (int s = 0; s < 50; s++) {
                optimizer.step(gradients(s, 1), loss(1), manager);
            }

            assertThat(state.ema().get("frozen").toFloatArray())
                    .isNotEqualTo(state.weights().get("frozen").toFloatArray());
            // 50 roundings of half an ulp of numbers below 4
            close(state.ema().get("frozen"), doubles(state.weights().get("frozen")), 1.3e-5);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 64})
    void nonFiniteNormOrLossChangesNoBit(int block) {
        try (TrainState state = new TrainState(manager, parameters)) {
            AdamW optimizer = new AdamW(OptimConfig.PAPER, state, byBlocks(block));
            optimizer.step(gradients(0, 1), loss(1), manager);
            Map<String, float[]> weights = copy(state.weights());
            Map<String, float[]> ema = copy(state.ema());
            Map<String, float[]> m = copy(state.expAvg());
            Map<String, float[]> v = copy(state.expAvgSq());
            NDList infinite = gradients(1, 1);
            infinite.get(1).set(new ai.djl.ndarray.index.NDIndex("4"), Float.POSITIVE_INFINITY);

            assertThat(optimizer.step(infinite, loss(1), manager).applied()).isFalse();
            assertThat(optimizer.step(gradients(1, 1), loss(Float.NaN), manager).applied())
                    .isFalse();
            assertThat(optimizer.step(gradients(1, 1e30f), loss(1), manager).gradNorm())
                    .isInfinite();

            same(state.weights(), weights);
            same(state.ema(), ema);
            same(state.expAvg(), m);
            same(state.expAvgSq(), v);
            assertThat(state.step()).isEqualTo(4);
            assertThat(state.skipped()).isEqualTo(3);
        }
    }

    @Test
    void skippedStepsDoNotCountInTheBiasCorrection() {
        float[][] found = new float[2][];
        for (int run = 0; run < 2; run++) {
            Map<String, Parameter> one = Map.of("w", parameter(manager.ones(new Shape(3)), true));
            try (TrainState state = new TrainState(manager, one)) {
                AdamW optimizer = new AdamW(OptimConfig.PAPER, state);
                if (run == 1) {
                    optimizer.step(new NDList(manager.ones(new Shape(3))), loss(Float.NaN), manager);
                }
                optimizer.step(new NDList(manager.ones(new Shape(3))), loss(1), manager);
                found[run] = one.get("w").getArray().toFloatArray();
            }
        }
        assertThat(found[1]).isEqualTo(found[0]);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 64})
    void givenGradientsAreNotChangedByClipping(int block) {
        try (TrainState state = new TrainState(manager, parameters)) {
            NDList gradients = gradients(0, 100);
            float[] before = gradients.get(0).toFloatArray();

            new AdamW(OptimConfig.PAPER, state, byBlocks(block)).step(gradients, loss(1), manager);

            assertThat(gradients.get(0).toFloatArray()).isEqualTo(before);
        }
    }

    @Test
    void lossesAreReadWithTheNorm() {
        try (TrainState state = new TrainState(manager, parameters)) {
            NDList losses = loss(0.25f);
            losses.add(manager.create(7f));

            assertThat(new AdamW(OptimConfig.PAPER, state)
                            .step(gradients(0, 1), losses, manager)
                            .losses())
                    .containsExactly(0.25, 7);
        }
    }

    @Test
    void wrongNumberOfGradientsIsRefused() {
        try (TrainState state = new TrainState(manager, parameters)) {
            AdamW optimizer = new AdamW(OptimConfig.PAPER, state);

            assertThatThrownBy(() -> optimizer.step(loss(1), loss(1), manager))
                    .hasMessage("there are 3 trained weights but 1 gradients were given");
        }
    }

    private NDArray random(long position, Shape shape, float scale) {
        float[] draws = DRAWS.normal(RandomStream.NOISE, position, 1, (int) shape.size());
        return manager.create(draws, shape).mul(scale);
    }

    private NDList gradients(int step, float scale) {
        NDList out = new NDList();
        int i = 0;
        for (String key : new String[] {"a.weight", "b.bias", "c"}) {
            out.add(random(100 + 3L * step + i++, SHAPES.get(key), scale));
        }
        return out;
    }

    private NDList loss(float value) {
        return new NDList(manager.create(value));
    }

    static Parameter parameter(NDArray value, boolean trained) {
        Parameter parameter = Parameter.builder()
                .setName("p")
                .setType(Parameter.Type.OTHER)
                .optRequiresGrad(trained)
                .build();
        parameter.setArray(value.duplicate());
        parameter.getArray().setRequiresGradient(trained);
        return parameter;
    }

    static Map<String, float[]> copy(Map<String, NDArray> arrays) {
        Map<String, float[]> out = new LinkedHashMap<>();
        arrays.forEach((key, array) -> out.put(key, array.toFloatArray()));
        return out;
    }

    static void same(Map<String, NDArray> found, Map<String, float[]> expected) {
        assertThat(found.keySet()).isEqualTo(expected.keySet());
        found.forEach((key, array) -> assertThat(array.toFloatArray()).as(key).isEqualTo(expected.get(key)));
    }

    private static void allDiffer(NDArray found, float[] before) {
        float[] after = found.toFloatArray();
        for (int i = 0; i < after.length; i++) {
            assertThat(after[i]).isNotEqualTo(before[i]);
        }
    }

    private static double[] doubles(NDArray array) {
        float[] floats = array.toFloatArray();
        double[] out = new double[floats.length];
        for (int i = 0; i < out.length; i++) {
            out[i] = floats[i];
        }
        return out;
    }

    private static void close(NDArray found, double[] expected, double tolerance) {
        float[] values = found.toFloatArray();
        for (int i = 0; i < values.length; i++) {
            assertThat((double) values[i]).isCloseTo(expected[i], within(tolerance));
        }
    }
}
