package io.github.maskalign.core.align;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The terms of the relatives against PyTorch's own functions, and by what must hold for any input. */
class AuxiliaryLossTest {
    private static final Map<String, AuxiliaryLoss> TERMS = Map.of(
            "layer-sync", AuxiliaryLoss.layerSync(),
            "dispersive", AuxiliaryLoss.dispersive(),
            "contrastive", AuxiliaryLoss.contrastiveFlow(),
            "attention", AuxiliaryLoss.attentionDistillation());
    private static final Map<String, NDListOf> INPUTS = Map.of(
            "layer-sync", golden -> new NDArray[] {golden.apply("tokens"), golden.apply("later")},
            "dispersive", golden -> new NDArray[] {golden.apply("tokens")},
            "contrastive", golden -> new NDArray[] {golden.apply("predicted"), golden.apply("target")},
            "attention", golden -> new NDArray[] {golden.apply("student"), golden.apply("teacher")});
    private static final Map<String, String> FIRST =
            Map.of("layer-sync", "tokens", "dispersive", "tokens", "contrastive", "predicted", "attention", "student");

    private interface NDListOf extends Function<Function<String, NDArray>, NDArray[]> {}

    @ParameterizedTest
    @ValueSource(
            strings = {
                "layer-sync",
                "dispersive",
                "dispersive-far",
                "dispersive-one",
                "contrastive",
                "attention",
                "attention-more-heads"
            })
    void valueAndGradientMatchPyTorch(String name) {
        String kind = name.matches("(dispersive|attention)-.*") ? name.substring(0, name.indexOf('-')) : name;
        try (NDManager manager = NDManager.newBaseManager();
                GradMode recording = GradMode.on()) {
            GoldenCase golden = GoldenCase.load(getClass(), "family-terms", name, manager);
            NDArray[] inputs = INPUTS.get(kind).apply(key -> golden.get("inputs/" + key));
            inputs[0].setRequiresGradient(true);

            NDArray value = TERMS.get(kind).of(inputs);
            NDArray gradient =
                    Autograd.gradients(value, new NDList(inputs[0]), manager).get(0);

            assertThat((double) value.getFloat()).isCloseTo(golden.get("value").toDoubleArray()[0], within(1e-5));
            assertThat(GoldenCase.relativeError(gradient, golden.get("grads/" + FIRST.get(kind))))
                    .isLessThan(1e-4);
        }
    }

    /** Central differences in float32: a step of 2^-6 leaves rounding near 1e-5 and curvature near 1e-3. */
    @ParameterizedTest
    @ValueSource(strings = {"layer-sync", "dispersive", "contrastive", "attention"})
    void gradientIsTheSlope(String kind) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode recording = GradMode.on()) {
            GoldenCase golden = GoldenCase.load(getClass(), "family-terms", kind, manager);
            NDArray[] inputs = INPUTS.get(kind).apply(key -> golden.get("inputs/" + key));
            NDArray x = inputs[0];
            NDArray direction = golden.get("grads/" + FIRST.get(kind));
            direction = direction.div(direction.norm());
            x.setRequiresGradient(true);
            NDArray gradient = Autograd.gradients(TERMS.get(kind).of(inputs), new NDList(x), manager)
                    .get(0);
            double slope = gradient.mul(direction).sum().getFloat();
            float step = 1f / 64;

            inputs[0] = x.add(direction.mul(step));
            double above = TERMS.get(kind).of(inputs).getFloat();
            inputs[0] = x.sub(direction.mul(step));
            double below = TERMS.get(kind).of(inputs).getFloat();

            assertThat((above - below) / (2 * step)).isCloseTo(slope, within(5e-3 * Math.abs(slope) + 1e-5));
        }
    }

    /** The formula in plain Java, and central differences, which are exact for a square but for rounding. */
    @Test
    void paintedPatchesAreComparedWithNormalisedOnes() {
        int[][] kept = {{3, 0}, {1, 4}};
        int patches = 5;
        int values = 6;
        try (NDManager manager = NDManager.newBaseManager();
                GradMode recording = GradMode.on()) {
            manager.getEngine().setRandomSeed(9);
            NDArray clean = manager.randomNormal(new Shape(2, patches, values));
            NDArray noised =
                    manager.randomNormal(new Shape(2, patches, values)).mul(2).add(0.5f);
            NDArray keep =
                    manager.create(new long[] {3, 0, 1, 4}, new Shape(2, 2)).duplicate();
            AuxiliaryLoss loss = AuxiliaryLoss.maskedPatches();
            float[] x = clean.toFloatArray();
            float[] z = noised.toFloatArray();

            clean.setRequiresGradient(true);
            NDArray value = loss.of(clean, noised, keep);
            float[] gradient =
                    Autograd.gradients(value, new NDList(clean), manager).get(0).toFloatArray();

            assertThat((double) value.getFloat()).isCloseTo(painted(x, z, kept, patches, values), within(1e-6));
            for (int i = 0; i < x.length; i++) {
                float here = x[i];
                x[i] = here + 1e-2f;
                double above = painted(x, z, kept, patches, values);
                x[i] = here - 1e-2f;
                double below = painted(x, z, kept, patches, values);
                x[i] = here;
                assertThat((double) gradient[i]).isCloseTo((above - below) / 2e-2, within(1e-5));
            }
            assertThatThrownBy(() -> loss.of(clean, noised)).hasMessageContaining("takes 3 arrays but was given 2");
        }
    }

    private static double painted(float[] x, float[] z, int[][] kept, int patches, int values) {
        double sum = 0;
        for (int n = 0; n < kept.length; n++) {
            for (int t = 0; t < patches; t++) {
                int first = (n * patches + t) * values;
                double mean = 0;
                double squares = 0;
                for (int i = first; i < first + values; i++) {
                    mean += z[i] / values;
                }
                for (int i = first; i < first + values; i++) {
                    squares += (z[i] - mean) * (z[i] - mean) / (values - 1);
                }
                double error = 0;
                for (int i = first; i < first + values; i++) {
                    double goal = (z[i] - mean) / Math.sqrt(squares + 1e-6);
                    error += (x[i] - goal) * (x[i] - goal) / values;
                }
                boolean here = kept[n][0] == t || kept[n][1] == t;
                sum += here ? 0 : error / (patches - kept[n].length) / kept.length;
            }
        }
        return sum;
    }

    @Test
    void equalSamplesAreNotDispersedAndFarOnesAre() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray one = manager.randomNormal(new Shape(1, 4, 3));
            NDArray equal = one.repeat(0, 5);
            NDArray far = manager.arange(5f).reshape(5, 1, 1).mul(100f).broadcast(5, 4, 3);

            assertThat((double) AuxiliaryLoss.dispersive().of(equal).getFloat()).isCloseTo(0, within(1e-6));
            // only each sample with itself is near: log(1/5)
            assertThat((double) AuxiliaryLoss.dispersive().of(far).getFloat()).isCloseTo(Math.log(0.2), within(1e-6));
        }
    }

    @Test
    void attentionOfTheTeacherIsWorthItsEntropy() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray even = manager.zeros(new Shape(2, 3, 5, 5));
            NDArray teacher = manager.zeros(new Shape(2, 3, 6, 6));

            assertThat((double) AuxiliaryLoss.attentionDistillation()
                            .of(even, teacher)
                            .getFloat())
                    .isCloseTo(Math.log(5), within(1e-6));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"spatial-norm-1.0", "spatial-norm-0.6"})
    void normalisedTargetMatchesPyTorch(String name) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode recording = GradMode.on()) {
            GoldenCase golden = GoldenCase.load(getClass(), "family-terms", name, manager);
            NDArray z = golden.get("inputs/target");
            z.setRequiresGradient(true);
            double gamma = Double.parseDouble(golden.metadata().get("gamma"));

            NDArray normal = ScriptFunction.of(Interpolant.class, "losses.py", "spatial_norm")
                    .callForOne(z, gamma);
            NDArray value = normal.mul(golden.get("inputs/weight")).sum();
            NDArray gradient = Autograd.gradients(value, new NDList(z), manager).get(0);

            double expected = golden.get("value").toDoubleArray()[0];
            assertThat((double) value.getFloat()).isCloseTo(expected, within(1e-5 * Math.abs(expected)));
            assertThat(GoldenCase.relativeError(gradient, golden.get("grads/target")))
                    .isLessThan(1e-4);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    void convolutionOverTheGridMatchesPyTorch(int kernel) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode recording = GradMode.on()) {
            GoldenCase golden = GoldenCase.load(getClass(), "family-terms", "conv-projector-" + kernel, manager);
            ConvProjector projector = new ConvProjector(6, 5, 3, kernel, Precision.FLOAT32);
            NDArray tokens = golden.get("inputs/tokens");
            projector.initialize(manager, DataType.FLOAT32, tokens.getShape());
            Weights.copyInto(
                    projector, Map.of("weight", golden.get("inputs/weight"), "bias", golden.get("inputs/bias")));
            tokens.setRequiresGradient(true);

            NDArray out = projector
                    .forward(new ParameterStore(manager, false), new NDList(tokens), false)
                    .singletonOrThrow();
            NDArray value = out.mul(golden.get("inputs/pull")).sum();
            NDList wanted = new NDList(tokens);
            wanted.addAll(Weights.trainable(projector));
            NDList gradients = Autograd.gradients(value, wanted, manager);

            double expected = golden.get("value").toDoubleArray()[0];
            assertThat((double) value.getFloat()).isCloseTo(expected, within(1e-5 * Math.abs(expected)));
            List<String> names = List.of("tokens", "weight", "bias");
            for (int i = 0; i < names.size(); i++) {
                assertThat(GoldenCase.relativeError(gradients.get(i), golden.get("grads/" + names.get(i))))
                        .as(names.get(i))
                        .isLessThan(1e-4);
            }
        }
    }

    /** U(±1/√(D k²)) for weight and bias, as PyTorch's convolutions: 5,309,184 parameters for B. */
    @Test
    void convolutionBeginsAsPyTorchs() {
        try (NDManager manager = NDManager.newBaseManager()) {
            ConvProjector projector = new ConvProjector(768, 768, 16, 3, Precision.FLOAT32);
            projector.initialize(manager, DataType.FLOAT32, new Shape(1, 256, 768));
            double bound = 1 / Math.sqrt(768 * 9);

            NDList weights = Weights.trainable(projector);

            assertThat(weights.stream().mapToLong(NDArray::size).sum()).isEqualTo(5_309_184);
            for (NDArray weight : weights) {
                assertThat((double) weight.abs().max().getFloat()).isBetween(0.99 * bound, bound * (1 + 1e-6));
            }
        }
    }

    @Test
    void wrongShapesAreNamed() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray student = manager.zeros(new Shape(2, 3, 5, 5));

            assertThatThrownBy(() -> AuxiliaryLoss.attentionDistillation().of(student, student))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("(2, 3, 5, 5) and (2, 3, 5, 5)");
            assertThatThrownBy(() -> AuxiliaryLoss.layerSync().of(student))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("layer-sync takes 2 arrays but was given 1");
            assertThatThrownBy(() -> AuxiliaryLoss.contrastiveFlow().of(student, student.get(0)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("the target has (3, 5, 5)");
        }
    }
}
