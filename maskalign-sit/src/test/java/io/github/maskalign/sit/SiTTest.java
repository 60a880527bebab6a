package io.github.maskalign.sit;

import static io.github.maskalign.sit.TinySiT.N;
import static io.github.maskalign.sit.TinySiT.fresh;
import static io.github.maskalign.sit.TinySiT.input;
import static io.github.maskalign.sit.TinySiT.keepFive;
import static io.github.maskalign.sit.TinySiT.labels;
import static io.github.maskalign.sit.TinySiT.like;
import static io.github.maskalign.sit.TinySiT.moved;
import static io.github.maskalign.sit.TinySiT.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import io.github.maskalign.sit.SiTLoss.SiTLosses;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What holds for every model of the family: its start, its labels, its time axis and its inputs. */
@Tag("bits")
@Tag("device")
class SiTTest {
    private static final int SEED = 7;

    private NDManager manager;
    private ParameterStore store;

    static Stream<String> families() {
        return TinySiT.family().keySet().stream();
    }

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager();
        manager.getEngine().setRandomSeed(SEED);
        store = new ParameterStore(manager, false);
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @ParameterizedTest
    @MethodSource("families")
    void freshModelPredictsExactlyZero(String family) {
        SiTConfig config = TinySiT.family().get(family);
        SiT model = fresh(config, manager);
        boolean subsets = config.subset().placement().usesSubset();

        for (NDArray keep : subsets ? new NDArray[] {null, keepFive(manager)} : new NDArray[] {null}) {
            SiTOutput out = run(model, input(config, manager, keep));

            assertThat(out.velocity().toFloatArray()).containsOnly(0f);
            assertThat(out.classVelocity() != null).isEqualTo(config.hasClassToken());
            if (out.classVelocity() != null) {
                assertThat(out.classVelocity().toFloatArray()).containsOnly(0f);
            }
        }
    }

    @Test
    void freshAlignmentSeesNoBlocks() {
        SiTConfig shallow = SiTConfig.of(6, 2, 3, 24, 1, 3, 5)
                .withAlignment(1, 20, List.of(11))
                .withClassToken(11);
        SiTConfig deep = SiTConfig.of(6, 2, 3, 24, 4, 3, 5)
                .withAlignment(3, 20, List.of(11))
                .withClassToken(11)
                .withMixer(MixerConfig.PAPER);
        SiT one = fresh(shallow, manager);
        SiT four = like(one, deep, manager);
        SiTInput in = input(shallow, manager, null);

        float[] expected = run(one, in).projected().get(0).toFloatArray();

        assertThat(run(four, in).projected().get(0).toFloatArray()).isEqualTo(expected);
        assertThat(expected).doesNotContain(0f);
    }

    @Test
    void droppedLabelsGiveWhatTheNullLabelGives() {
        SiT model = moved(TinySiT.plain(), manager);
        SiTInput in = input(model.config(), manager, null);
        NDArray dropped = manager.create(new float[] {0, 1, 0}).duplicate();

        SiTInput masked = new SiTInput(in.x(), in.t(), in.y(), null, null, dropped);
        SiTInput named =
                new SiTInput(in.x(), in.t(), labels(manager, 0, model.config().nullLabel(), 2), null, null, null);

        assertThat(run(model, masked).velocity().toFloatArray())
                .isEqualTo(run(model, named).velocity().toFloatArray())
                .isNotEqualTo(run(model, in).velocity().toFloatArray());
    }

    @Test
    void trainingDropsEveryTenthLabelAndEvaluationNone() {
        int samples = 4000;
        SiT model = moved(SiTConfig.of(2, 2, 1, 4, 1, 1, 3), manager);
        NDArray x = manager.ones(new Shape(samples, 1, 2, 2));
        NDArray t = manager.zeros(new Shape(samples));
        NDList labelled = new NDList(x, t, labels(manager, new long[samples]));
        SiTInput nulls = new SiTInput(
                x.get("0:1"), t.get("0:1"), labels(manager, model.config().nullLabel()), null, null, null);
        float without = run(model, nulls).velocity().toFloatArray()[0];

        float[] training = model.forward(store, labelled, true).head().toFloatArray();
        float[] evaluation = model.forward(store, labelled, false).head().toFloatArray();

        int dropped = 0;
        for (int i = 0; i < samples; i++) {
            // 1e-5: other batch sizes sum in another order
            boolean isNull = Math.abs(training[4 * i] - without) < 1e-5;
            boolean isOwn = Math.abs(training[4 * i] - evaluation[4 * i]) < 1e-5;
            assertThat(isNull ^ isOwn).as("sample " + i).isTrue();
            dropped += isNull ? 1 : 0;
            assertThat(evaluation[4 * i]).isNotCloseTo(without, within(1e-5f));
        }
        assertThat(dropped / (double) samples).isCloseTo(0.1, within(0.02)); // four standard deviations
    }

    @Test
    void timeZeroIsDataAndTimeOneIsNoise() {
        SiT model = moved(TinySiT.repa(), manager);
        SiTLoss loss = new SiTLoss(model, Interpolant.LINEAR, 0.03, 0.5);
        SiTLossInput a = TinySiT.lossInput(model.config(), manager, null);
        NDArray other = manager.randomNormal(a.clean().getShape());
        NDArray zero = manager.zeros(new Shape(N));
        NDArray one = manager.ones(new Shape(N));

        assertThat(alignment(loss, a.clean(), a.noise(), zero, a))
                .isEqualTo(alignment(loss, a.clean(), other, zero, a))
                .isNotEqualTo(alignment(loss, other, a.noise(), zero, a));
        assertThat(alignment(loss, a.clean(), a.noise(), one, a))
                .isEqualTo(alignment(loss, other, a.noise(), one, a))
                .isNotEqualTo(alignment(loss, a.clean(), other, one, a));
    }

    private float alignment(SiTLoss loss, NDArray clean, NDArray noise, NDArray t, SiTLossInput in) {
        SiTLossInput changed =
                new SiTLossInput(clean, noise, t, in.y(), in.targets(), null, null, null, SiTLossInput.Context.FIRST);
        NDArray alignment = loss.compute(store, changed).alignment();
        assertThat(alignment).isNotNull();
        return alignment.getFloat();
    }

    @Test
    void velocityPointsFromDataToNoise() {
        SiT model = fresh(TinySiT.plain(), manager);
        try (GradMode editing = GradMode.off()) {
            Weights.of(model).get("final_layer.linear.bias").addi(0.5f); // v = 0.5 everywhere
        }
        SiTLossInput in = TinySiT.lossInput(model.config(), manager, null);

        SiTLosses losses = new SiTLoss(model, Interpolant.LINEAR, 0.03, 0.5).compute(store, in);

        float expected =
                in.noise().sub(in.clean()).mul(-1).add(0.5f).square().mean().getFloat();
        assertThat(losses.total().getFloat()).isCloseTo(expected, within(1e-5f)); // fp32 mean of 324 terms
        assertThat(losses.alignment()).isNull();
    }

    @Test
    void velocityFieldGivesTheModelsVelocities() {
        SiT model = moved(TinySiT.maskAlign(), manager);
        SiTInput in = input(model.config(), manager, null);
        SiTOutput expected = run(model, in);
        NDArray classToken = in.classToken();
        assertThat(classToken).isNotNull();

        NDList field = new SiTVelocityField(model, store).velocity(new NDList(in.x(), classToken), in.t(), in.y());

        assertThat(field.get(0).toFloatArray()).isEqualTo(expected.velocity().toFloatArray());
        assertThat(field.get(1).toFloatArray())
                .isEqualTo(expected.toNDList().get(1).toFloatArray());
        assertThat(new SiTVelocityField(model, store).nullLabel()).isEqualTo(5);
    }

    @Test
    void blockFormGivesTheRecordInOrder() {
        SiT model = moved(TinySiT.maskAlign(), manager);
        SiTInput in = input(model.config(), manager, keepFive(manager));
        SiTOutput expected = run(model, in);

        NDList out = model.forward(store, TinySiT.list(in), false);

        List<float[]> values = new ArrayList<>();
        out.forEach(array -> values.add(array.toFloatArray()));
        assertThat(values).hasSize(3);
        assertThat(values.get(0)).isEqualTo(expected.velocity().toFloatArray());
        assertThat(values.get(2)).isEqualTo(expected.projected().get(0).toFloatArray());
    }

    @Test
    void wrongInputsAreNamed() {
        SiT sit = fresh(TinySiT.plain().withOptions(4, 0, false, false), manager);
        SiT reg = fresh(TinySiT.reg(), manager);
        SiTInput good = input(sit.config(), manager, null);
        NDArray wide = manager.ones(new Shape(N, 3, 6, 8));
        NDArray classToken = manager.ones(new Shape(N, 11));

        assertThatThrownBy(() -> run(sit, new SiTInput(wide, good.t(), good.y(), null, null, null)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("x must have shape (3, 3, 6, 6) but has (3, 3, 6, 8)");
        assertThatThrownBy(() -> run(sit, new SiTInput(good.x(), good.t(), good.y(), classToken, null, null)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("a class token was given but this model has none");
        assertThatThrownBy(() -> run(reg, good))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("this model generates a class token of width 11 but none was given");
        assertThatThrownBy(() -> run(sit, new SiTInput(good.x(), good.t(), good.y(), null, null, good.t())))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("this model has no null class: classDropoutProb is 0");
    }

    @Test
    void allWrongShapesAreNamedAtOnce() {
        SiT reg = fresh(TinySiT.reg().withPlacement(SubsetPlacement.DROP, 0, 0), manager);
        SiTInput good = input(reg.config(), manager, null);
        NDArray two = manager.ones(new Shape(2));
        NDArray keep = manager.zeros(new Shape(N, TinySiT.T + 1), DataType.INT64);
        NDArray narrow = manager.ones(new Shape(N, 10));

        assertThatThrownBy(() -> run(reg, new SiTInput(good.x(), two, good.t(), narrow, keep, two)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("t must have shape (3) but has (2); y must be int64 but is float32; "
                        + "classToken must have shape (3, 11) but has (3, 10); "
                        + "keep must have shape (3, 9) but has (3, 10); dropped must have shape (3) but has (2)");
    }

    @Test
    void labelsAndPatchesOutOfRangeAreNamed() {
        assumeFalse(manager.getDevice().isGpu(), "a device is not waited for to look at indices");
        SiT sit = fresh(TinySiT.plain(), manager);
        SiT dropping = fresh(TinySiT.reg().withPlacement(SubsetPlacement.DROP, 0, 0), manager);
        int last = sit.config().model().numClasses();
        SiTInput good = input(sit.config(), manager, null);
        SiTInput kept = input(dropping.config(), manager, keepFive(manager));
        NDArray label = manager.full(new Shape(N), last + 1, DataType.INT64);
        NDArray negative = manager.full(new Shape(N), -1, DataType.INT64);
        NDArray keep = manager.full(new Shape(N, 5), TinySiT.T, DataType.INT64);

        assertThatThrownBy(() -> run(sit, new SiTInput(good.x(), good.t(), label, null, null, null)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("y must lie in 0 to %d, of which the last is the null class, but has a %d", last, last + 1);
        assertThatThrownBy(() -> run(sit, new SiTInput(good.x(), good.t(), negative, null, null, null)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("but has a -1");
        assertThatThrownBy(
                        () -> run(dropping, new SiTInput(kept.x(), kept.t(), kept.y(), kept.classToken(), keep, null)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("keep must lie in 0 to %d, but has a %d", TinySiT.T - 1, TinySiT.T);
    }

    @Test
    void tooFewOrTooManyInputsAreCounted() {
        SiT reg = fresh(TinySiT.reg(), manager);
        NDList in = TinySiT.list(input(reg.config(), manager, null));
        NDList few = new NDList(in.get(0), in.get(1));
        NDList many = new NDList(in).addAll(in);

        for (NDList wrong : List.of(few, many)) {
            assertThatThrownBy(() -> reg.forward(store, wrong, false))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("this model takes x, t, y, classToken and, if patches are dropped, keep")
                    .hasMessageEndingWith("was given " + wrong.size());
        }
    }

    @Test
    void wrongWidthsOfTargetsAreNamed() {
        SiT repa = fresh(TinySiT.repa(), manager);
        SiTLossInput good = TinySiT.lossInput(TinySiT.repa(), manager, null);
        int width = repa.config().encoderWidths().get(0);
        NDArray wide = manager.ones(new Shape(N, 1 + TinySiT.T, width + 1));
        SiTLoss loss = new SiTLoss(repa, Interpolant.LINEAR, 0.03, 0.5);

        assertThatThrownBy(() -> loss.compute(store, good.withTargets(List.of(wide))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("tokens of encoder 0 must have width %d but have %d", width, width + 1);
    }

    @Test
    void lossesNameMissingTargets() {
        SiT reg = fresh(TinySiT.reg(), manager);
        SiT repa = fresh(TinySiT.repa(), manager);
        SiTLossInput bare = TinySiT.lossInput(TinySiT.plain(), manager, null);
        SiTLossInput full = TinySiT.lossInput(TinySiT.repa(), manager, null);

        assertThatThrownBy(() -> new SiTLoss(repa, Interpolant.LINEAR, 0.03, 0.5).compute(store, bare))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("the model needs the tokens of 1 encoders but was given 0");
        assertThatThrownBy(() -> new SiTLoss(reg, Interpolant.LINEAR, 0.03, 0.5).compute(store, full))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("the model has a class token but classNoise is missing");
    }
}
