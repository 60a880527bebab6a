package io.github.maskalign.sit.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.training.ParameterStore;
import com.google.gson.JsonParser;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.sample.VelocityField;
import io.github.maskalign.sit.LossTerms.Features;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTConfig.AlignConfig;
import io.github.maskalign.sit.SiTConfig.AlignConfig.ProjectorKind;
import io.github.maskalign.sit.SiTOutput;
import io.github.maskalign.sit.parity.internal.ParityConfig;
import io.github.maskalign.sit.weights.internal.Keys;
import io.github.maskalign.sit.weights.internal.TimeConvention;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Files of the projects' trainers, written by PyTorch, give the outputs that PyTorch computes. */
@Tag("bits")
class CheckpointGoldenTest {
    /** float32 over a whole model, against float64. */
    private static final double TOLERANCE = 1e-5;

    private NDManager manager;

    static Stream<String> understood() {
        return Fixture.names().filter(name -> !name.equals("irepa-conv") && !name.equals("sit-official-c"));
    }

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager();
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @ParameterizedTest
    @MethodSource("understood")
    void fileOfEveryFamilyGivesItsOutputs(String name) throws Exception {
        try (Fixture fixture = Fixture.open(name, manager)) {
            SiTWeights weights = fixture.read();

            assertThat(weights.family().id())
                    .isEqualTo(fixture.golden.metadata().get("family"));
            SiTOutput out = fixture.outputs(weights.load(manager, Precision.FLOAT32), manager);
            assertClose(out.velocity(), fixture.golden.get("outputs/v"));
            for (int k = 0; k < out.projected().size(); k++) {
                assertClose(out.projected().get(k), fixture.golden.get("outputs/z." + k));
            }
            assertThat(fixture.golden.has("outputs/z." + out.projected().size()))
                    .isFalse();
            NDArray classVelocity = out.classVelocity();
            assertThat(classVelocity != null).isEqualTo(fixture.golden.has("outputs/cls"));
            if (classVelocity != null) {
                assertClose(classVelocity, fixture.golden.get("outputs/cls"));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("understood")
    void geometryIsTheModels(String name) throws Exception {
        try (Fixture fixture = Fixture.open(name, manager)) {
            SiTConfig model = ParityConfig.of(
                    JsonParser.parseString(fixture.golden.metadata().get("config"))
                            .getAsJsonObject());
            if (model.encoderWidths().isEmpty()) { // then the width of the projectors means nothing
                model = model.withAlignment(model.align().depth(), 2048, List.of());
            }

            int features = Map.of("redi", 8, "reglue", 16).getOrDefault(name, 0);
            if (features > 0) { // no tensor shows them: the family does
                model = model.withTerms(model.terms().withFeatures(Features.of(features)));
            }
            assertThat(fixture.read().config()).isEqualTo(model);
        }
    }

    @ParameterizedTest
    @MethodSource("understood")
    void fieldIsOnOurAxisWhateverTheFilesIs(String name) throws Exception {
        try (Fixture fixture = Fixture.open(name, manager)) {
            SiTWeights weights = fixture.read();
            boolean reversed = weights.time() == TimeConvention.DATA_AT_1;
            VelocityField field =
                    weights.field(weights.load(manager, Precision.FLOAT32), new ParameterStore(manager, false));
            NDArray t = fixture.golden.get("inputs/t");
            NDList state = new NDList(fixture.golden.get("inputs/x"));
            if (fixture.golden.has("inputs/cls")) {
                state.add(fixture.golden.get("inputs/cls"));
            }

            NDList found = field.velocity(state, reversed ? t.neg().add(1) : t, fixture.golden.get("inputs/y"));

            NDArray expected = fixture.golden.get("outputs/v");
            assertClose(found.get(0), reversed ? expected.neg() : expected);
            assertThat(reversed).isEqualTo(List.of("sit-official", "redi").contains(name));
        }
    }

    @ParameterizedTest
    @MethodSource("understood")
    void foldedWeightsAreOnOurAxis(String name) throws Exception {
        try (Fixture fixture = Fixture.open(name, manager)) {
            SiTWeights weights = fixture.read();
            SiTWeights folded = weights.dataAtZero();
            SiT model = folded.load(manager, Precision.FLOAT32);
            boolean reversed = weights.time() == TimeConvention.DATA_AT_1;
            NDArray t = fixture.golden.get("inputs/t");

            SiTOutput out = fixture.run(model, manager, reversed ? t.neg().add(1) : t);

            assertThat(folded.time()).isEqualTo(TimeConvention.DATA_AT_0);
            NDArray expected = fixture.golden.get("outputs/v");
            assertClose(out.velocity(), reversed ? expected.neg() : expected);
        }
    }

    @Test
    void foldingTwiceGivesTheWeightsBack() throws Exception {
        try (Fixture fixture = Fixture.open("sit-official", manager)) {
            SiTWeights weights = fixture.read();
            float[] before = weights.tensors().get(Keys.TIME_WEIGHT).floats();

            float[] after =
                    weights.turned().turned().tensors().get(Keys.TIME_WEIGHT).floats();

            for (int i = 0; i < before.length; i++) {
                // two roundings to float32 of numbers below 1: half a last place each
                assertThat(after[i]).isCloseTo(before[i], within(1.2e-7f));
            }
        }
    }

    @Test
    void foldedFeaturesAreThoseOfTheReversedTimeInFloat64() throws Exception {
        try (Fixture fixture = Fixture.open("sit-official", manager)) {
            SiTWeights weights = fixture.read();
            int width = weights.config().model().hiddenSize();
            float[] before = weights.tensors().get(Keys.TIME_WEIGHT).floats();
            float[] after = weights.dataAtZero().tensors().get(Keys.TIME_WEIGHT).floats();

            for (double t : new double[] {0, 0.03125, 0.37, 0.5, 0.91, 1}) {
                double[] expected = product(before, width, 1 - t);
                double[] found = product(after, width, t);
                for (int row = 0; row < width; row++) {
                    // 256 products of numbers below 1 whose weights were rounded once to float32: 256 · 2^-25
                    assertThat(found[row]).isCloseTo(expected[row], within(7.7e-6));
                }
            }
        }
    }

    @Test
    void convolutionalProjectorIsKnownByItsTensorsAndMayBeLeftOut() throws Exception {
        try (Fixture fixture = Fixture.open("irepa-conv", manager)) {
            SiTWeights whole = fixture.read();
            AlignConfig align = whole.config().align();
            assertThat(whole.family()).isEqualTo(WeightsFamily.IREPA);
            assertThat(align.projector()).isEqualTo(ProjectorKind.CONV);
            assertThat(align.kernel()).isEqualTo(3);
            assertThat(whole.config().encoderWidths()).containsExactly(10);
            SiTOutput all = fixture.outputs(whole.load(manager, Precision.FLOAT32), manager);
            assertClose(all.velocity(), fixture.golden.get("outputs/v"));
            assertThat(all.projected().get(0).getShape().get(2)).isEqualTo(10); // its values: golden family-losses

            SiTWeights weights = fixture.read(Fixture.HEADS.leavingProjectorsOut());

            assertThat(weights.config().encoderWidths()).isEmpty();
            SiTOutput out = fixture.outputs(weights.load(manager, Precision.FLOAT32), manager);
            assertClose(out.velocity(), fixture.golden.get("outputs/v"));
        }
    }

    @Test
    void ambiguousFileWantsItsFamily() throws Exception {
        try (Fixture fixture = Fixture.open("sit-official-c", manager)) {
            assertThatThrownBy(fixture::read)
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining("sit-official (t = 1 is data), or repa or sit (t = 0 is data)")
                    .hasMessageContaining("the family must be given");

            SiTWeights weights = fixture.read(Fixture.HEADS.from(WeightsFamily.SIT_OFFICIAL));

            assertThat(weights.time()).isEqualTo(TimeConvention.DATA_AT_1);
            SiTOutput out = fixture.outputs(weights.load(manager, Precision.FLOAT32), manager);
            assertClose(out.velocity(), fixture.golden.get("outputs/v"));
        }
    }

    @Test
    void statisticsOfTheLatentsBecomeMetadata() throws Exception {
        try (Fixture fixture = Fixture.open("repa-e", manager)) {
            SiTWeights weights = fixture.read();
            float variance = fixture.tensors().get("bn.running_var").floats()[0];

            assertThat(weights.metadata())
                    .containsEntry("source_family", "repa-e")
                    .containsEntry("step", "400000");
            String deviations = weights.metadata().get("latent_std");
            assertThat(Double.parseDouble(deviations.substring(1, deviations.indexOf(','))))
                    .isEqualTo(Math.sqrt(variance + 1e-4));
        }
    }

    private static double[] product(float[] weight, int width, double t) {
        double[] out = new double[width];
        for (int row = 0; row < width; row++) {
            for (int k = 0; k < 128; k++) {
                double angle = t * (float) Math.exp(-Math.log(10_000) * k / 128);
                out[row] += weight[row * 256 + k] * Math.cos(angle) + weight[row * 256 + 128 + k] * Math.sin(angle);
            }
        }
        return out;
    }

    private static void assertClose(NDArray found, NDArray expected) {
        assertThat(GoldenCase.relativeError(found, expected)).isLessThan(TOLERANCE);
    }
}
