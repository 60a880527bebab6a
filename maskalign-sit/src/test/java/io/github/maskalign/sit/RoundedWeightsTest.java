package io.github.maskalign.sit;

import static io.github.maskalign.sit.TinySiT.fresh;
import static io.github.maskalign.sit.TinySiT.keepFive;
import static io.github.maskalign.sit.TinySiT.lossInput;
import static io.github.maskalign.sit.TinySiT.move;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.data.ImageTensorData;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.nn.internal.BlockRunner;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.nn.internal.Recomputation;
import io.github.maskalign.core.nn.internal.RoundedWeights;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.core.script.Autograd.Differentiation;
import io.github.maskalign.core.train.Objective;
import io.github.maskalign.core.train.OptimConfig;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.core.train.TrainStep;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import io.github.maskalign.sit.SiTLoss.SiTLosses;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Weights that are rounded once a step give every bit that rounding at each use gives. */
@Tag("bits")
class RoundedWeightsTest {
    private static final int SEED = 71;

    private NDManager manager;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager();
        manager.getEngine().setRandomSeed(SEED);
    }

    @AfterEach
    void close() {
        manager.close();
    }

    static Stream<Arguments> models() {
        Map<String, SiTConfig> all = new LinkedHashMap<>(TinySiT.family());
        all.put("q and k normalised", TinySiT.maskAlign().withOptions(4, 0.1, true, false));
        return all.entrySet().stream().map(entry -> Arguments.of(entry.getKey(), entry.getValue()));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("models")
    void lossAndGradientsAreThoseOfRoundingAtEachUse(String name, SiTConfig config) {
        SiT model = fresh(config, Precision.BFLOAT16, manager);
        move(model, manager);
        Map<String, float[]> before = values(model);
        boolean drops = config.subset().placement() != SubsetPlacement.NONE;
        SiTLossInput in = lossInput(config, manager, drops ? keepFive(manager) : null);
        Passed expected = pass(model, new ParameterStore(manager, false), in, BlockRunner.PLAIN, Autograd::gradients);

        RoundedWeights rounded = model.roundedWeights();
        Recomputation again = new Recomputation();
        Passed found = pass(model, rounded, in, BlockRunner.PLAIN, rounded.around(Autograd::gradients));
        Passed recomputed = pass(model, rounded, in, again, rounded.around(again));
        Recomputation walk = Recomputation.ofNothing();
        Passed gradual = pass(model, rounded, in, walk, oneAfterTheOther(rounded.around(walk)));

        if (config.subset().placement() == SubsetPlacement.MASKED_PASS) { // each weight is used in both passes
            addedInBfloat16(found, expected);
            addedInBfloat16(recomputed, expected);
            addedInBfloat16(gradual, expected);
        } else {
            same(found, expected);
            same(recomputed, expected);
            same(gradual, expected);
        }
        same(values(model), before);
    }

    /** The gradients as several ranks get them, block after block. */
    private static Differentiation oneAfterTheOther(Differentiation backward) {
        return (loss, weights, owner) -> {
            NDArray[] found = new NDArray[weights.size()];
            int[] calls = {0};
            backward.gradients(loss, weights, owner, (which, gradients, inUse) -> {
                calls[0]++;
                for (int i = 0; i < gradients.size(); i++) {
                    assertThat(found[which.get(i)]).isNull();
                    found[which.get(i)] = gradients.get(i);
                }
            });
            assertThat(calls[0]).isGreaterThan(1);
            return new NDList(found);
        };
    }

    /** So nothing is left to round at its use, and nothing is rounded that is used in float32. */
    @Test
    void everyWeightIsRoundedButThoseOfNormsAndTables() {
        SiTConfig config = TinySiT.maskDiT(TinySiT.reg()).withOptions(4, 0.1, true, false);
        SiT model = fresh(config, Precision.BFLOAT16, manager);
        RoundedWeights rounded = model.roundedWeights();
        Set<String> exact = new TreeSet<>();
        ParameterKeys.of(model).forEach((key, parameter) -> {
            NDArray given = rounded.getValue(parameter, manager.getDevice(), true);
            assertThat(given.getShape()).isEqualTo(parameter.getShape());
            if (given.getDataType() == DataType.FLOAT32) {
                exact.add(key.replaceAll("\\d+\\.", "N."));
            }
        });

        assertThat(exact).contains("pos_embed", "y_embedder.embedding_table.weight", "wg_norm.weight", "wg_norm.bias");
        assertThat(exact).allMatch(key -> key.contains("norm") || key.contains("embed") || key.contains("mask_token"));
        assertThat(exact).noneMatch(key -> key.contains("proj"));
        assertThat(RoundedWeights.of(fresh(config, manager))).isEmpty();
    }

    @Test
    void followWeightsWhenToldTo() {
        SiTConfig config = TinySiT.repa();
        SiT model = fresh(config, Precision.BFLOAT16, manager);
        RoundedWeights rounded = model.roundedWeights();
        SiTLossInput in = lossInput(config, manager, null);
        Passed fresh = pass(model, rounded, in, BlockRunner.PLAIN, rounded.around(Autograd::gradients));
        move(model, manager);

        Passed stale = pass(model, rounded, in, BlockRunner.PLAIN, rounded.around(Autograd::gradients));
        rounded.refresh();
        Passed found = pass(model, rounded, in, BlockRunner.PLAIN, rounded.around(Autograd::gradients));

        assertThat(stale.loss).isEqualTo(fresh.loss); // its last layer is still zero
        assertThat(found.loss).isNotEqualTo(fresh.loss);
        same(found, pass(model, new ParameterStore(manager, false), in, BlockRunner.PLAIN, Autograd::gradients));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void trainingIsThatOfRoundingAtEachUse(int activationCheckpointing) throws IOException {
        Map<String, float[]> expected = trained(0, false);

        same(trained(activationCheckpointing, true), expected);
    }

    /** Weights in common memory are saved, loaded and rounded again like any. */
    @Test
    void stoppedAndResumedEqualsUninterrupted(@TempDir Path folder) throws IOException {
        for (Path run : List.of(folder.resolve("whole"), folder.resolve("parts"))) {
            boolean whole = run.endsWith("whole");
            for (int steps : whole ? new int[] {4} : new int[] {2, 4}) {
                try (SiTTraining training = SiTTraining.builder()
                        .setModel(TinySiT.plain())
                        .setData((draws, kept) -> pictures(draws))
                        .setSteps(steps)
                        .setBatch(8)
                        .optPrecision(Precision.BFLOAT16)
                        .optOptim(OptimConfig.PAPER.withLr(1e-2))
                        .optFolder(run)
                        .build()) {
                    training.run();
                    assertThat(training.state().step()).isEqualTo(steps);
                }
            }
        }

        for (String file : List.of("snapshot-0000004.safetensors", "checkpoints/state-0000004/exp_avg.safetensors")) {
            assertThat(folder.resolve("parts").resolve(file))
                    .hasSameBinaryContentAs(folder.resolve("whole").resolve(file));
        }
    }

    /** Weights after four steps of two micro-batches. */
    private Map<String, float[]> trained(int activationCheckpointing, boolean once) throws IOException {
        manager.getEngine().setRandomSeed(SEED);
        SiTObjective objective = SiTTraining.builder()
                .setModel(TinySiT.plain())
                .setData((draws, kept) -> pictures(draws))
                .setSteps(4)
                .setBatch(8)
                .optPrecision(Precision.BFLOAT16)
                .optActivationCheckpointing(activationCheckpointing)
                .buildObjective(manager);
        move(objective.model(), manager);
        OptimConfig optim = OptimConfig.PAPER.withLr(1e-2);
        try (TrainState state = new TrainState(manager, objective.parameters())) {
            TrainStep step = new TrainStep(once ? objective : atEachUse(objective), state, optim, 8, 2);
            for (int i = 0; i < 4; i++) {
                assertThat(step.run().applied()).isTrue();
            }
            return values(objective.model());
        }
    }

    private static Objective atEachUse(SiTObjective objective) {
        return new Objective() {
            @Override
            public Map<String, Parameter> parameters() {
                return objective.parameters();
            }

            @Override
            public StepLosses loss(NDManager scratch, long step, long first, int count) {
                SiTLosses losses = objective
                        .loss()
                        .compute(new ParameterStore(scratch, false), objective.input(scratch, step, first, count));
                return new StepLosses(losses.total(), losses.parts());
            }
        };
    }

    private static ImageTensorData pictures(Draws draws) {
        SplittableRandom random = new SplittableRandom(7);
        byte[][] pixels = new byte[16][3 * 6 * 6];
        int[] labels = new int[16];
        for (int i = 0; i < 16; i++) {
            random.nextBytes(pixels[i]);
            labels[i] = i % TinySiT.CLASSES;
        }
        return new ImageTensorData(pixels, labels, new Shape(3, 6, 6), draws);
    }

    private record Passed(float loss, List<float[]> gradients) {}

    private Passed pass(
            SiT model, ParameterStore store, SiTLossInput in, BlockRunner runner, Differentiation backward) {
        NDArray loss;
        try (GradMode recording = GradMode.on()) {
            loss = new SiTLoss(model, Interpolant.LINEAR, 0.03, 0.5)
                    .compute(store, in, runner)
                    .total();
        }
        NDList gradients = backward.gradients(loss, Weights.trainable(model), manager);
        List<float[]> values = new ArrayList<>();
        for (NDArray gradient : gradients) {
            assertThat(gradient.getDataType()).isEqualTo(DataType.FLOAT32);
            values.add(gradient.toFloatArray());
        }
        return new Passed(loss.getFloat(), values);
    }

    private static void same(Passed found, Passed expected) {
        assertThat(found.loss).isEqualTo(expected.loss);
        assertThat(found.gradients).hasSameSizeAs(expected.gradients);
        for (int i = 0; i < expected.gradients.size(); i++) {
            assertThat(found.gradients.get(i)).as("gradient %d", i).isEqualTo(expected.gradients.get(i));
        }
    }

    /** The loss is the same, and each gradient the sum of two in bfloat16, rounded to it: within half of its last place, 2^-8. */
    private static void addedInBfloat16(Passed found, Passed expected) {
        assertThat(found.loss).isEqualTo(expected.loss);
        assertThat(found.gradients).hasSameSizeAs(expected.gradients);
        for (int i = 0; i < expected.gradients.size(); i++) {
            float[] values = expected.gradients.get(i);
            for (int k = 0; k < values.length; k++) {
                assertThat(found.gradients.get(i)[k])
                        .as("gradient %d at %d", i, k)
                        .isCloseTo(values[k], offset(Math.abs(values[k]) / 256));
            }
        }
    }

    private static Map<String, float[]> values(SiT model) {
        Map<String, float[]> out = new LinkedHashMap<>();
        Weights.of(model).forEach((key, array) -> out.put(key, array.toFloatArray()));
        return out;
    }

    private static void same(Map<String, float[]> found, Map<String, float[]> expected) {
        assertThat(found.keySet()).isEqualTo(expected.keySet());
        expected.forEach((key, values) -> assertThat(found.get(key)).as(key).isEqualTo(values));
    }
}
