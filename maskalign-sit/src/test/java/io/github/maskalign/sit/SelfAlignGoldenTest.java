package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import com.google.gson.JsonArray;
import com.google.gson.JsonParser;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.nn.internal.BlockRunner;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.nn.internal.Recomputation;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.core.script.Autograd.Differentiation;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import io.github.maskalign.sit.SiTLoss.SiTLosses;
import io.github.maskalign.sit.parity.internal.ParityConfig;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** SRA's loss, what its teacher says and all gradients, against PyTorch in float64. */
@Tag("bits")
class SelfAlignGoldenTest {
    static Stream<String> cases() {
        return GoldenCase.names(SelfAlignGoldenTest.class, "self-align");
    }

    @ParameterizedTest
    @MethodSource("cases")
    void lossAndGradientsMatch(String name) {
        verify(name, BlockRunner.PLAIN, Autograd::gradients);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void recomputedGradientsMatch(String name) {
        Recomputation blocks = new Recomputation();
        verify(name, blocks, blocks);
    }

    /** A model, its average, and a batch that has seen the average. */
    private record Case(GoldenCase golden, SiT model, SiTLoss loss, SiTLossInput input) {
        static Case of(String name, NDManager manager) {
            GoldenCase golden = GoldenCase.load(SelfAlignGoldenTest.class, "self-align", name, manager);
            SiT model = new SiT(config(golden));
            model.initialize(manager);
            Weights.copyInto(model, golden.under("weights/"));
            SiTLossInput input = new SiTLossInput(
                    golden.get("inputs/x"),
                    golden.get("inputs/noise"),
                    golden.get("inputs/t"),
                    golden.get("inputs/y"),
                    List.copyOf(golden.under("inputs/targets.").values()),
                    golden.has("inputs/cls_noise") ? golden.get("inputs/cls_noise") : null,
                    golden.has("inputs/keep") ? golden.get("inputs/keep") : null,
                    golden.get("inputs/dropped"),
                    SiTLossInput.Context.FIRST);
            double beta = Double.parseDouble(golden.metadata().get("beta"));
            double coeff = Double.parseDouble(golden.metadata().get("coeff"));
            SiTLoss loss = new SiTLoss(model, Interpolant.LINEAR, beta, coeff);
            try (GradMode values = GradMode.off()) {
                float[] earlier = SelfTeacher.earlier(
                        input.t().toFloatArray(),
                        golden.get("inputs/u").toFloatArray(),
                        model.config().terms().selfAlign().orElseThrow());
                NDArray teacher = new SelfTeacher(loss, golden.under("average/"))
                        .hidden(input, OwnedArrays.of(manager, input.t().getShape(), earlier));
                return new Case(
                        golden, model, loss, input.withContext(input.context().withSelfTeacher(teacher)));
            }
        }
    }

    private void verify(String name, BlockRunner runner, Differentiation backward) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode recording = GradMode.on()) {
            Case it = Case.of(name, manager);
            GoldenCase golden = it.golden;
            NDArray teacher = it.input.context().selfTeacher();
            assertThat(GoldenCase.relativeError(teacher, golden.get("teacher"))).isLessThan(1e-5);

            SiTLosses losses = it.loss.compute(new ParameterStore(manager, false), it.input, runner);

            Map<String, NDArray> expected = golden.under("losses/");
            assertThat(losses.parts().keySet()).hasSize(expected.size() - 1);
            losses.parts()
                    .forEach((part, value) -> assertThat(relative(value, expected.get(part)))
                            .as(part)
                            .isLessThan(part.equals("align") ? 1e-4 : 1e-5)); // a sum near zero
            assertThat(relative(losses.total(), expected.get("total"))).isLessThan(1e-5);
            NDList gradients = backward.gradients(losses.total(), Weights.trainable(it.model), manager);
            int i = 0;
            for (Map.Entry<String, Parameter> p : ParameterKeys.of(it.model).entrySet()) {
                if (p.getValue().requiresGradient()) {
                    assertThat(GoldenCase.relativeError(gradients.get(i++), golden.get("grads/" + p.getKey())))
                            .as(p.getKey())
                            .isLessThan(1e-4); // a sum over many float32 products
                }
            }
            assertThat(golden.under("grads/")).hasSize(i);
        }
    }

    /** Central differences in float32: a step of 2^-6 leaves rounding near 1e-5 and curvature near 1e-3. */
    @ParameterizedTest
    @ValueSource(strings = {"plain", "token-cosine", "drop"})
    void gradientOfTheTermIsTheSlope(String name) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode recording = GradMode.on()) {
            Case it = Case.of(name, manager);
            NDList weights = Weights.trainable(it.model);
            NDList gradients = Autograd.gradients(term(it, manager), weights, manager);
            double norm = 0;
            for (NDArray gradient : gradients) {
                norm += gradient.square().sum().getFloat();
            }
            norm = Math.sqrt(norm);
            float step = 1f / 64;

            double above;
            double below;
            try (GradMode values = GradMode.off()) {
                move(weights, gradients, step / norm);
                above = term(it, manager).getFloat();
                move(weights, gradients, -2 * step / norm);
                below = term(it, manager).getFloat();
            }

            assertThat((above - below) / (2 * step)).isCloseTo(norm, within(1e-2 * norm));
        }
    }

    private static void move(NDList weights, NDList direction, double by) {
        for (int i = 0; i < weights.size(); i++) {
            weights.get(i).addi(direction.get(i).mul((float) by));
        }
    }

    private static NDArray term(Case it, NDManager manager) {
        return it.loss
                .compute(new ParameterStore(manager, false), it.input)
                .terms()
                .get("selfAlign");
    }

    private static double relative(NDArray found, NDArray expected) {
        double e = expected.toDoubleArray()[0];
        return Math.abs(found.getFloat() - e) / Math.abs(e);
    }

    private static SiTConfig config(GoldenCase golden) {
        JsonArray route = JsonParser.parseString(golden.metadata().get("route")).getAsJsonArray();
        LossTerms terms = ConfigBinder.bindText(golden.metadata().get("terms"), "terms", List.of(), LossTerms.class)
                .value();
        return ParityConfig.of(
                        JsonParser.parseString(golden.metadata().get("config")).getAsJsonObject())
                .withPlacement(
                        SubsetPlacement.valueOf(golden.metadata().get("placement")),
                        route.get(0).getAsInt(),
                        route.get(1).getAsInt())
                .withTerms(terms);
    }
}
