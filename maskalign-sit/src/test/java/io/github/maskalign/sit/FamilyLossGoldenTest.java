package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
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
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The whole training loss and all gradients of MaskAlign's relatives, against PyTorch in float64. */
@Tag("bits")
@Tag("device")
class FamilyLossGoldenTest {
    static Stream<String> cases() {
        return GoldenCase.names(FamilyLossGoldenTest.class, "family-losses");
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

    private void verify(String name, BlockRunner runner, Differentiation backward) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode recording = GradMode.on()) {
            GoldenCase golden = GoldenCase.load(getClass(), "family-losses", name, manager);
            SiT model = new SiT(config(golden));
            model.initialize(manager);
            Weights.copyInto(model, golden.under("weights/"));
            Map<Integer, NDArray> attention = new HashMap<>();
            golden.under("inputs/attention.").forEach((block, logits) -> attention.put(Integer.valueOf(block), logits));
            SiTLossInput input = new SiTLossInput(
                    golden.get("inputs/x"),
                    golden.get("inputs/noise"),
                    golden.get("inputs/t"),
                    golden.get("inputs/y"),
                    List.copyOf(golden.under("inputs/targets.").values()),
                    golden.has("inputs/cls_noise") ? golden.get("inputs/cls_noise") : null,
                    golden.has("inputs/keep") ? golden.get("inputs/keep") : null,
                    null,
                    new SiTLossInput.Context(7, attention));
            double beta = Double.parseDouble(golden.metadata().get("beta"));
            double coeff = Double.parseDouble(golden.metadata().get("coeff"));

            SiTLosses losses = new SiTLoss(model, Interpolant.LINEAR, beta, coeff)
                    .compute(new ParameterStore(manager, false), input, runner);
            Map<String, NDArray> expected = golden.under("losses/");
            assertThat(losses.parts().keySet()).hasSize(expected.size() - 1);
            losses.parts()
                    .forEach((part, value) -> assertThat(relative(value, expected.get(part)))
                            .as(part)
                            .isLessThan(2e-5)); // float32 against float64; alignment and synchrony are sums near zero
            assertThat(relative(losses.total(), expected.get("total"))).isLessThan(1e-5);

            NDList gradients = backward.gradients(losses.total(), Weights.trainable(model), manager);
            int i = 0;
            for (Map.Entry<String, Parameter> p : ParameterKeys.of(model).entrySet()) {
                if (p.getValue().requiresGradient()) {
                    assertThat(GoldenCase.relativeError(gradients.get(i++), golden.get("grads/" + p.getKey())))
                            .as(p.getKey())
                            .isLessThan(1e-4); // a sum over many float32 products
                }
            }
            assertThat(golden.under("grads/")).hasSize(i);
        }
    }

    private static double relative(NDArray found, NDArray expected) {
        double e = expected.toDoubleArray()[0];
        return Math.abs(found.getFloat() - e) / Math.abs(e);
    }

    private static SiTConfig config(GoldenCase golden) {
        JsonObject json =
                JsonParser.parseString(golden.metadata().get("config")).getAsJsonObject();
        SiTConfig config = ParityConfig.of(json)
                .withPlacement(SubsetPlacement.valueOf(golden.metadata().get("placement")), 0, 0);
        JsonObject terms =
                JsonParser.parseString(golden.metadata().get("terms")).getAsJsonObject();
        JsonObject irepa = terms.getAsJsonObject("irepa");
        terms.remove("irepa");
        if (irepa != null) {
            config = config.withAlignment(config.align()
                    .withSpatial(
                            irepa.get("kernel").getAsInt(), irepa.get("gamma").getAsDouble()));
        }
        return config.withTerms(ConfigBinder.bindText(terms.toString(), "terms", List.of(), LossTerms.class)
                .value());
    }
}
