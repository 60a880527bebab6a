package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.Draws.RandomStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Weights in groups that are clipped apart, some without averages: to the bit what optimisers of their own do. */
@Tag("bits")
class ClippedGroupsTest {
    private static final Draws DRAWS = new Draws(20261129);
    private static final OptimConfig CONFIG = OptimConfig.PAPER
            .withLr(3e-3)
            .withWeightDecay(0.1, true)
            .withEmaDecay(0.95)
            .withExtraEmaDecays(List.of(0.8));

    /** Gradients of which the clipping takes some, all or none. */
    @ParameterizedTest
    @ValueSource(floats = {0.01f, 0.3f, 30f})
    void groupsAreWhatOptimisersOfTheirOwnAre(float size) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode values = GradMode.off()) {
            Map<String, Parameter> all = parameters(manager, "main.a", "main.b", "main.frozen", "side.a", "side.b");
            Map<String, Parameter> main = parameters(manager, "main.a", "main.b", "main.frozen");
            Map<String, Parameter> side = parameters(manager, "side.a", "side.b");
            try (TrainState joint = new TrainState(manager, all, CONFIG, key -> key.startsWith("main"));
                    TrainState first = new TrainState(manager, main, CONFIG.extraEmaDecays());
                    TrainState second = new TrainState(manager, side, CONFIG.extraEmaDecays())) {
                AdamW together = new AdamW(CONFIG, joint, key -> key.startsWith("main") ? "" : "side");
                AdamW one = new AdamW(CONFIG, first);
                AdamW other = new AdamW(CONFIG, second);
                for (int step = 0; step < 4; step++) {
                    NDList some = gradients(manager, "main", step, size);
                    NDList more = gradients(manager, "side", step, 10 * size);
                    NDList gradients = new NDList(some);
                    gradients.addAll(more);

                    AdamW.Report report = together.step(gradients, loss(manager, 1), manager);

                    assertThat(report.gradNorm())
                            .isEqualTo(one.step(some, loss(manager, 1), manager).gradNorm());
                    assertThat(report.otherNorms())
                            .containsExactly(Map.entry(
                                    "grad_norm/side",
                                    other.step(more, loss(manager, 1), manager).gradNorm()));
                }

                assertThat(joint.ema()).containsOnlyKeys("main.a", "main.b", "main.frozen");
                assertThat(joint.shown()).containsOnlyKeys(all.keySet().toArray(new String[0]));
                same(joint.weights(), first.weights(), second.weights());
                same(joint.expAvg(), first.expAvg(), second.expAvg());
                same(joint.expAvgSq(), first.expAvgSq(), second.expAvgSq());
                same(joint.ema(), first.ema(), Map.of());
                same(joint.extraEma().get(0.8), first.extraEma().get(0.8), Map.of());
            }
        }
    }

    @Test
    void nothingMovesIfOneGroupIsNotFinite() {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode values = GradMode.off()) {
            Map<String, Parameter> all = parameters(manager, "main.a", "side.a");
            try (TrainState state = new TrainState(manager, all, OptimConfig.PAPER, key -> key.startsWith("main"))) {
                AdamW optimizer = new AdamW(
                        CONFIG.withExtraEmaDecays(List.of()), state, key -> key.split("\\.")[0].replace("main", ""));
                float[] before = state.weight("main.a").toFloatArray();
                NDList gradients =
                        new NDList(manager.ones(new Shape(17, 7)), manager.full(new Shape(17, 7), Float.NaN));
                int[] called = {0};

                assertThat(optimizer
                                .step(gradients, loss(manager, 1), manager, () -> called[0]++)
                                .applied())
                        .isFalse();
                assertThat(called[0]).isZero();
                assertThat(state.weight("main.a").toFloatArray()).isEqualTo(before);
                assertThat(state.skipped()).isEqualTo(1);

                gradients.set(1, manager.ones(new Shape(17, 7)));
                assertThat(optimizer
                                .step(gradients, loss(manager, 1), manager, () -> called[0]++)
                                .applied())
                        .isTrue();
                assertThat(called[0]).isEqualTo(1);
            }
        }
    }

    @Test
    void averagedWeightsHaveToComeFirst() {
        try (NDManager manager = NDManager.newBaseManager()) {
            Map<String, Parameter> all = parameters(manager, "side.a", "main.a");
            try (TrainState state = new TrainState(
                    manager, all, OptimConfig.PAPER.withExtraEmaDecays(List.of(0.8)), key -> key.startsWith("main"))) {
                assertThatThrownBy(() -> new AdamW(CONFIG, state))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("must come first");
            }
        }
    }

    @Test
    void weightsWithoutAveragesLieBesideTheSnapshot(@TempDir Path folder) throws IOException {
        try (NDManager manager = NDManager.newBaseManager()) {
            Map<String, Parameter> all = parameters(manager, "main.a", "side.a.weight");
            Files.createDirectories(folder.resolve("side"));
            RunIdentity identity = RunIdentity.of("sit", Map.of("seed", "1"), Map.of());
            try (TrainState state = new TrainState(manager, all, OptimConfig.PAPER, key -> key.startsWith("main"))) {
                RunCheckpoints files = RunCheckpoints.open(folder, identity, 1).withPart("side");
                RunCheckpoints.StateArrays arrays = RunCheckpoints.StateArrays.of(state);
                assertThat(files.hasSnapshots(arrays)).isFalse();

                files.snapshots(arrays);

                assertThat(files.hasSnapshots(arrays)).isTrue();
                try (SafetensorsFile snapshot = SafetensorsFile.open(files.snapshotFile(0));
                        SafetensorsFile part = SafetensorsFile.open(RunCheckpoints.partFile(folder, "side", 0))) {
                    assertThat(snapshot.stateDict().keys()).containsExactly("main.a");
                    assertThat(part.stateDict().keys()).containsExactly("a.weight");
                    assertThat(part.stateDict().get("a.weight").floats())
                            .isEqualTo(state.weight("side.a.weight").toFloatArray());
                }
            }
        }
    }

    private static void same(Map<String, NDArray> joint, Map<String, NDArray> first, Map<String, NDArray> second) {
        Map<String, NDArray> apart = new LinkedHashMap<>(first);
        apart.putAll(second);
        assertThat(joint.keySet()).containsExactlyElementsOf(apart.keySet());
        joint.forEach((key, array) -> assertThat(array.toFloatArray())
                .as(key)
                .isEqualTo(apart.get(key).toFloatArray()));
    }

    private static NDList loss(NDManager manager, float value) {
        return new NDList(manager.create(value));
    }

    private static NDList gradients(NDManager manager, String group, int step, float size) {
        NDList out = new NDList();
        for (String key : List.of("a", "b")) {
            out.add(random(manager, group + "." + key + step, size));
        }
        return out;
    }

    private static Map<String, Parameter> parameters(NDManager manager, String... keys) {
        Map<String, Parameter> out = new LinkedHashMap<>();
        for (String key : keys) {
            Parameter parameter = Parameter.builder()
                    .setName(key)
                    .setType(Parameter.Type.WEIGHT)
                    .optShape(new Shape(17, 7))
                    .optRequiresGrad(!key.endsWith("frozen"))
                    .optInitializer((m, shape, type) -> random(m, key, 0.3f))
                    .build();
            parameter.initialize(manager, DataType.FLOAT32);
            out.put(key, parameter);
        }
        return out;
    }

    private static NDArray random(NDManager manager, String name, float size) {
        float[] values = DRAWS.normal(RandomStream.INIT, name.hashCode(), 1, 17 * 7);
        for (int i = 0; i < values.length; i++) {
            values[i] *= size;
        }
        return manager.create(values, new Shape(17, 7)).duplicate();
    }
}
