package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import io.github.maskalign.sit.SiTLoss.SiTLosses;
import io.github.maskalign.sit.parity.internal.ParityConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The whole training loss and all gradients, for every place of the subset, against PyTorch in float64. */
@Tag("bits")
@Tag("device")
class PlacementGoldenTest {
    static Stream<String> cases() {
        return GoldenCase.names(PlacementGoldenTest.class, "placements");
    }

    @ParameterizedTest
    @MethodSource("cases")
    void lossAndGradientsMatch(String name) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode recording = GradMode.on()) {
            GoldenCase golden = GoldenCase.load(getClass(), "placements", name, manager);
            SiT model = new SiT(config(golden));
            model.initialize(manager);
            Weights.copyInto(model, golden.under("weights/"));
            List<NDArray> targets =
                    new ArrayList<>(golden.under("inputs/targets.").values());
            SiTLossInput input = new SiTLossInput(
                    golden.get("inputs/x"),
                    golden.get("inputs/noise"),
                    golden.get("inputs/t"),
                    golden.get("inputs/y"),
                    targets,
                    golden.has("inputs/cls_noise") ? golden.get("inputs/cls_noise") : null,
                    golden.has("inputs/keep") ? golden.get("inputs/keep") : null,
                    null,
                    SiTLossInput.Context.FIRST);
            double beta = Double.parseDouble(golden.metadata().get("beta"));
            double coeff = Double.parseDouble(golden.metadata().get("coeff"));

            SiTLosses losses = new SiTLoss(model, Interpolant.LINEAR, beta, coeff)
                    .compute(new ParameterStore(manager, false), input);
            NDList gradients = Autograd.gradients(losses.total(), Weights.trainable(model), manager);

            // 1e-5: float32 against float64, up to four blocks
            assertThat(relative(losses.total(), golden.get("losses/total"))).isLessThan(1e-5);
            assertThat(relative(losses.velocity(), golden.get("losses/velocity")))
                    .isLessThan(1e-5);
            if (losses.classVelocity() != null) {
                assertThat(relative(losses.classVelocity(), golden.get("losses/cls")))
                        .isLessThan(1e-5);
            }
            assertThat(relative(losses.alignment(), golden.get("losses/align"))).isLessThan(1e-4); // near zero
            int i = 0;
            for (Map.Entry<String, Parameter> p : ParameterKeys.of(model).entrySet()) {
                if (p.getValue().requiresGradient()) {
                    NDArray expected = golden.get("grads/" + p.getKey());
                    assertThat(GoldenCase.relativeError(gradients.get(i++), expected))
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
        JsonArray route = JsonParser.parseString(golden.metadata().get("route")).getAsJsonArray();
        return ParityConfig.of(json)
                .withPlacement(
                        SubsetPlacement.valueOf(golden.metadata().get("placement")),
                        route.isEmpty() ? 0 : route.get(0).getAsInt(),
                        route.isEmpty() ? 0 : route.get(1).getAsInt());
    }
}
