package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
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
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Loss and all gradients of models that align at several depths, against PyTorch in float64. */
@Tag("bits")
class AlignDepthsGoldenTest {
    static Stream<String> cases() {
        return GoldenCase.names(AlignDepthsGoldenTest.class, "align-depths");
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
            GoldenCase golden = GoldenCase.load(getClass(), "align-depths", name, manager);
            SiT model = new SiT(config(golden));
            model.initialize(manager);
            Weights.copyInto(model, golden.under("weights/"));
            double beta = Double.parseDouble(golden.metadata().get("beta"));
            double coeff = Double.parseDouble(golden.metadata().get("coeff"));

            SiTLosses losses = new SiTLoss(model, Interpolant.LINEAR, beta, coeff)
                    .compute(new ParameterStore(manager, false), input(golden, model.config()), runner);
            Map<String, NDArray> expected = golden.under("losses/");
            losses.parts()
                    .forEach((part, value) -> assertThat(relative(value, expected.get(part), part))
                            .as(part)
                            .isLessThan(1e-5));
            assertThat(relative(losses.total(), expected.get("total"), "total")).isLessThan(1e-5);

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

    private static SiTLossInput input(GoldenCase golden, SiTConfig config) {
        List<NDArray> targets = new ArrayList<>(golden.under("inputs/targets.").values());
        int projectors = config.encoderWidths().size();
        return new SiTLossInput(
                golden.get("inputs/x"),
                golden.get("inputs/noise"),
                golden.get("inputs/t"),
                golden.get("inputs/y"),
                targets.size() == 1 ? Collections.nCopies(projectors, targets.get(0)) : targets,
                golden.has("inputs/cls_noise") ? golden.get("inputs/cls_noise") : null,
                golden.has("inputs/keep") ? golden.get("inputs/keep") : null,
                null,
                SiTLossInput.Context.FIRST);
    }

    /** The alignment is a mean of cosines of both signs, so its rounding is that of the cosines, not of their small mean. */
    private static double relative(NDArray found, NDArray expected, String part) {
        double e = expected.toDoubleArray()[0];
        double size = part.equals("align") ? Math.max(Math.abs(e), 0.1) : Math.abs(e);
        return Math.abs(found.getFloat() - e) / size;
    }

    private static SiTConfig config(GoldenCase golden) {
        SiTConfig config = ParityConfig.of(
                JsonParser.parseString(golden.metadata().get("config")).getAsJsonObject());
        List<Integer> route = numbers(golden, "route");
        SubsetPlacement placement = SubsetPlacement.valueOf(golden.metadata().get("placement"));
        return config.withAlignment(config.align().withDepths(numbers(golden, "depths")))
                .withPlacement(placement, route.get(0), route.get(1));
    }

    private static List<Integer> numbers(GoldenCase golden, String key) {
        return StreamSupport.stream(
                        JsonParser.parseString(golden.metadata().get(key))
                                .getAsJsonArray()
                                .spliterator(),
                        false)
                .map(JsonElement::getAsInt)
                .toList();
    }
}
