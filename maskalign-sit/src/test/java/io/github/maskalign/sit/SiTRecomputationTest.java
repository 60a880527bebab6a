package io.github.maskalign.sit;

import static io.github.maskalign.sit.TinySiT.fresh;
import static io.github.maskalign.sit.TinySiT.keepFive;
import static io.github.maskalign.sit.TinySiT.lossInput;
import static io.github.maskalign.sit.TinySiT.move;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.nn.internal.BlockRunner;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.nn.internal.Recomputation;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.core.script.Autograd.Differentiation;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Activation checkpointing changes memory and time, and no bit of a loss or a gradient. */
@Tag("bits")
@Tag("device")
class SiTRecomputationTest {
    private static final int SEED = 67;

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
        all.put("narrow mixer", TinySiT.maskAlign().withMixer(narrow(MixerConfig.Conditioning.ADALN_ZERO)));
        all.put("blind mixer", TinySiT.maskAlign().withMixer(narrow(MixerConfig.Conditioning.NONE)));
        SiTConfig twice = TinySiT.plain().withSubset(TinySiT.plain().subset().withSparse(1, 0));
        all.put(
                "masked pass on the chain",
                twice.withProcess(Process.DDPM).withPlacement(SubsetPlacement.MASKED_PASS, 0, 0));
        for (SubsetPlacement where : SubsetPlacement.values()) {
            if (where == SubsetPlacement.MASKED_PASS) {
                continue; // has no mixer
            }
            all.put("mixer " + where, TinySiT.placed(TinySiT.reg().withMixer(MixerConfig.PAPER), where, 0, 2));
        }
        return all.entrySet().stream()
                .flatMap(entry -> Stream.of(
                        Arguments.of(entry.getKey(), entry.getValue(), Precision.FLOAT32, 1),
                        Arguments.of(entry.getKey(), entry.getValue(), Precision.FLOAT32, 2),
                        Arguments.of(entry.getKey(), entry.getValue(), Precision.FLOAT32, 4),
                        Arguments.of(entry.getKey(), entry.getValue(), Precision.BFLOAT16, 1)));
    }

    @ParameterizedTest(name = "{0}, {2}, every {3}")
    @MethodSource("models")
    void gradientsAreThoseOfThePlainPassToTheBit(String name, SiTConfig config, Precision precision, int every) {
        SiT model = fresh(config, precision, manager);
        move(model, manager);
        boolean mayDrop = config.subset().placement() != SubsetPlacement.NONE;
        for (boolean subset : mayDrop ? new boolean[] {false, true} : new boolean[] {false}) {
            SiTLossInput in = lossInput(config, manager, subset ? keepFive(manager) : null);
            Recomputation recomputation = new Recomputation(every);

            Passed plain = pass(model, in, BlockRunner.PLAIN, Autograd::gradients);
            Passed again = pass(model, in, recomputation, recomputation);

            assertThat(again.loss).as(name).isEqualTo(plain.loss);
            assertThat(again.gradients.keySet()).isEqualTo(plain.gradients.keySet());
            plain.gradients.forEach((key, gradient) -> assertThat(difference(again.gradients.get(key), gradient))
                    .as(name + " " + key)
                    .isZero());
        }
    }

    @ParameterizedTest(name = "{0}, {2}, every {3}")
    @MethodSource("models")
    void gradientsThatComeBlockByBlockAreTheSame(String name, SiTConfig config, Precision precision, int every) {
        SiT model = fresh(config, precision, manager);
        move(model, manager);
        boolean mayDrop = config.subset().placement() != SubsetPlacement.NONE;
        SiTLossInput in = lossInput(config, manager, mayDrop ? keepFive(manager) : null);
        Recomputation blocks = every == 1 ? Recomputation.ofNothing() : new Recomputation(every);
        List<List<Integer>> calls = new ArrayList<>();
        Differentiation gradual = (loss, parameters, owner) -> {
            NDArray[] all = new NDArray[parameters.size()];
            blocks.gradients(loss, parameters, owner, (which, gradients, inUse) -> {
                calls.add(which);
                for (int i = 0; i < which.size(); i++) {
                    assertThat(all[which.get(i)]).isNull();
                    all[which.get(i)] = gradients.get(i);
                }
            });
            return new NDList(all);
        };

        Passed plain = pass(model, in, BlockRunner.PLAIN, Autograd::gradients);
        Passed again = pass(model, in, blocks, gradual);

        assertThat(again.loss).isEqualTo(plain.loss);
        plain.gradients.forEach((key, gradient) -> assertThat(difference(again.gradients.get(key), gradient))
                .as(name + " " + key)
                .isZero());
        int depth = config.model().depth();
        assertThat(calls).as("a block at a time").hasSizeGreaterThan(depth / every);
        if (every == 1) {
            long ofBlocks = ParameterKeys.of(model).entrySet().stream()
                    .filter(entry -> entry.getValue().requiresGradient()
                            && entry.getKey().startsWith("blocks."))
                    .count();
            assertThat(calls.subList(0, calls.size() - 1).stream()
                            .mapToLong(List::size)
                            .sum())
                    .as("all of the blocks before the end")
                    .isGreaterThanOrEqualTo(ofBlocks);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void nothingButTheGradientsStaysWithTheOwner(boolean keeps) {
        SiT model = fresh(TinySiT.maskAlign(), manager);
        move(model, manager);
        int parameters = Weights.trainable(model).size();
        for (int i = 0; i < 3; i++) {
            try (NDManager owner = manager.newSubManager()) {
                try (NDManager scratch = owner.newSubManager()) {
                    Recomputation recomputation = keeps ? Recomputation.ofNothing() : new Recomputation();
                    NDArray loss = total(model, lossInput(model.config(), scratch, keepFive(scratch)), recomputation);
                    recomputation.gradients(loss, Weights.trainable(model), owner);
                }
                assertThat(owner.getManagedArrays()).hasSize(parameters);
            }
        }
        assertThat(manager.getManagedArrays().stream()
                        .filter(array -> array.getShape().equals(new Shape())))
                .isEmpty();
    }

    @Test
    void onePassHasOneBackwardPass() {
        SiT model = fresh(TinySiT.plain(), manager);
        Recomputation recomputation = new Recomputation();
        NDArray loss = total(model, lossInput(model.config(), manager, null), recomputation);
        NDList weights = Weights.trainable(model);
        recomputation.gradients(loss, weights, manager);

        assertThatThrownBy(() -> recomputation.gradients(loss, weights, manager))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("the gradients of this forward pass were already asked for");
    }

    @Test
    void everyMustBePositive() {
        assertThatThrownBy(() -> new Recomputation(0))
                .hasMessage("blocks are recomputed every 1 or more but every was 0");
    }

    private record Passed(float loss, Map<String, float[]> gradients) {}

    private static MixerConfig narrow(MixerConfig.Conditioning conditioning) {
        return new MixerConfig(2, 12, 3, 2.0, conditioning);
    }

    private Passed pass(SiT model, SiTLossInput in, BlockRunner runner, Differentiation backward) {
        NDArray loss = total(model, in, runner);
        NDList found = backward.gradients(loss, Weights.trainable(model), manager);
        Map<String, float[]> gradients = new LinkedHashMap<>();
        ParameterKeys.of(model).forEach((key, parameter) -> {
            if (parameter.requiresGradient()) {
                gradients.put(key, found.get(gradients.size()).toFloatArray());
            }
        });
        return new Passed(loss.getFloat(), gradients);
    }

    private NDArray total(SiT model, SiTLossInput in, BlockRunner runner) {
        SiTLoss loss = new SiTLoss(model, Interpolant.LINEAR, 0.03, 0.5);
        try (GradMode recording = GradMode.on()) {
            return loss.compute(new ParameterStore(manager, false), in, runner).total();
        }
    }

    private static float difference(float[] a, float[] b) {
        float largest = 0;
        for (int i = 0; i < b.length; i++) {
            largest = Math.max(largest, Math.abs(a[i] - b[i]));
        }
        return largest;
    }
}
