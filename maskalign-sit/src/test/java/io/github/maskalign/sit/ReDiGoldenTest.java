package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import com.google.gson.JsonParser;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.data.FeatureBasis;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.nn.internal.BlockRunner;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.nn.internal.Recomputation;
import io.github.maskalign.core.sample.Guidance;
import io.github.maskalign.core.sample.Guidance.Unconditional;
import io.github.maskalign.core.sample.SampleRequest;
import io.github.maskalign.core.sample.SampleRequest.NoiseSource;
import io.github.maskalign.core.sample.Sampler;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.core.script.Autograd.Differentiation;
import io.github.maskalign.sit.LossTerms.Features;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import io.github.maskalign.sit.SiTLoss.SiTLosses;
import io.github.maskalign.sit.parity.internal.ParityConfig;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** ReDi's features, loss, gradients and guidance, against PyTorch in float64 on ReDi's own time axis. */
@Tag("bits")
class ReDiGoldenTest {
    static Stream<String> losses() {
        return GoldenCase.names(ReDiGoldenTest.class, "redi");
    }

    static Stream<String> samples() {
        return GoldenCase.names(ReDiGoldenTest.class, "redi-samples");
    }

    @ParameterizedTest
    @MethodSource("losses")
    void lossAndGradientsMatch(String name) {
        verify(name, BlockRunner.PLAIN, Autograd::gradients);
    }

    @ParameterizedTest
    @MethodSource("losses")
    void recomputedGradientsMatch(String name) {
        Recomputation blocks = new Recomputation();
        verify(name, blocks, blocks);
    }

    private static void verify(String name, BlockRunner runner, Differentiation backward) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode recording = GradMode.on()) {
            GoldenCase golden = GoldenCase.load(ReDiGoldenTest.class, "redi", name, manager);
            SiT model = new SiT(config(golden));
            model.initialize(manager);
            Weights.copyInto(model, golden.under("weights/"));
            SiTLossInput in = input(golden);
            if (!in.context().featuresDropped()) {
                NDArray features = in.clean().get(":, -" + model.config().featureChannels() + ":");
                assertThat(GoldenCase.relativeError(features, golden.get("features")))
                        .isLessThan(1e-5);
            }
            double beta = Double.parseDouble(golden.metadata().get("beta"));
            double coeff = Double.parseDouble(golden.metadata().get("coeff"));

            SiTLosses found = new SiTLoss(model, Interpolant.LINEAR, beta, coeff)
                    .compute(new ParameterStore(manager, false), in, runner);

            Map<String, NDArray> expected = golden.under("losses/");
            assertThat(found.parts().keySet()).hasSize(expected.size() - 1);
            found.parts()
                    .forEach((part, value) -> assertThat(relative(value, expected.get(part)))
                            .as(part)
                            .isLessThan(part.equals("align") ? 1e-4 : 1e-5)); // a sum near zero
            assertThat(relative(found.total(), expected.get("total"))).isLessThan(1e-5);
            NDList gradients = backward.gradients(found.total(), Weights.trainable(model), manager);
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

    /** A basis of the case's own tokens is that of singular vectors in NumPy. */
    @ParameterizedTest
    @MethodSource("losses")
    void theBasisOfTheTokensIsThatOfTheirSingularVectors(String name) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode values = GradMode.off()) {
            GoldenCase golden = GoldenCase.load(ReDiGoldenTest.class, "redi", name, manager);
            NDArray patches = golden.get("inputs/targets.0").get(":, 1:");
            FeatureBasis.Fit fit =
                    new FeatureBasis.Fit(Math.toIntExact(patches.getShape().get(2)));
            fit.add(patches.get("0:1"));
            fit.add(patches.get("1:"));
            FeatureBasis expected = basis(golden);

            FeatureBasis made = fit.basis(expected.channels(), Map.of());

            assertThat(GoldenCase.relativeError(made.reduce(patches), expected.reduce(patches)))
                    .isLessThan(1e-5);
            assertThat(Double.parseDouble(made.facts().get("variance_kept")))
                    .isCloseTo(
                            Double.parseDouble(golden.metadata().get("variance_kept")),
                            org.assertj.core.api.Assertions.within(1e-4)); // four digits
        }
    }

    @ParameterizedTest
    @MethodSource("samples")
    void guidanceEndsWhereTheReferenceEnds(String name) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode inference = GradMode.off()) {
            GoldenCase golden = GoldenCase.load(ReDiGoldenTest.class, "redi-samples", name, manager);
            Map<String, String> facts = golden.metadata();
            SiT model = new SiT(parity(golden)
                    .withTerms(LossTerms.NONE.withFeatures(Features.of(Integer.parseInt(facts.get("channels"))))));
            model.initialize(manager);
            Weights.copyInto(model, golden.under("weights/"));
            Guidance guidance = new Guidance(number(golden, "cfg"), 0, number(golden, "low"), number(golden, "high"))
                    .withUnconditional(Unconditional.valueOf(facts.get("unconditional")))
                    .withFeatureCfgScale(number(golden, "feature_cfg"));

            NDArray end = drawn(golden, model, guidance, manager);

            // 1e-5: float32 against float64 in every call, guidance of 2.4
            assertThat(GoldenCase.relativeError(end, golden.get("outputs/x"))).isLessThan(1e-5);
            Unconditional other = guidance.unconditional() == Unconditional.NULL_LABEL
                    ? Unconditional.NO_FEATURES
                    : Unconditional.NULL_LABEL;
            assertThat(GoldenCase.relativeError(
                            drawn(golden, model, guidance.withUnconditional(other), manager), golden.get("outputs/x")))
                    .isGreaterThan(1e-3);
        }
    }

    private static NDArray drawn(GoldenCase golden, SiT model, Guidance guidance, NDManager manager) {
        SamplerConfig config = SamplerConfig.defaults()
                .withMethod(
                        SamplerMethod.valueOf(golden.metadata().get("method")),
                        Integer.parseInt(golden.metadata().get("steps")))
                .withGuidance(guidance);
        SampleRequest request = new SampleRequest(
                0,
                golden.get("inputs/y").toLongArray(),
                golden.get("inputs/latents").getShape().slice(1),
                0);
        return new Sampler(config, Interpolant.LINEAR)
                .sample(
                        manager,
                        new SiTVelocityField(model, new ParameterStore(manager, false)),
                        request,
                        new Given(golden))
                .singletonOrThrow();
    }

    /** The noise of a case. */
    private record Given(GoldenCase golden) implements NoiseSource {
        @Override
        public NDList initial(NDManager manager, SampleRequest request) {
            NDList out = new NDList(golden.get("inputs/latents").duplicate());
            out.attach(manager);
            return out;
        }

        @Override
        public NDList path(NDManager manager, SampleRequest request, int step) {
            NDList out = new NDList(golden.get("inputs/noise").get(step).toType(DataType.FLOAT64, true));
            out.attach(manager);
            return out;
        }
    }

    private static double number(GoldenCase golden, String key) {
        return Double.parseDouble(golden.metadata().get(key));
    }

    private static double relative(NDArray found, NDArray expected) {
        double e = expected.toDoubleArray()[0];
        return Math.abs(found.getFloat() - e) / Math.abs(e);
    }

    private static SiTLossInput input(GoldenCase golden) {
        boolean bare = Boolean.parseBoolean(golden.metadata().get("bare").toLowerCase(java.util.Locale.ROOT));
        SiTLossInput in = new SiTLossInput(
                golden.get("inputs/x"),
                golden.get("inputs/noise"),
                golden.get("inputs/t"),
                golden.get("inputs/y"),
                List.of(golden.get("inputs/targets.0")),
                golden.has("inputs/cls_noise") ? golden.get("inputs/cls_noise") : null,
                golden.has("inputs/keep") ? golden.get("inputs/keep") : null,
                null,
                SiTLossInput.Context.FIRST.withFeaturesDropped(bare));
        return new FeatureGroup(
                        config(golden), Optional.of(basis(golden)), in.clean().getManager())
                .add(in);
    }

    private static FeatureBasis basis(GoldenCase golden) {
        return new FeatureBasis(
                golden.get("basis/mean").toFloatArray(),
                golden.get("basis/std").toFloatArray(),
                golden.get("basis/components").toFloatArray(),
                Map.of());
    }

    private static SiTConfig config(GoldenCase golden) {
        String terms = "{features: " + golden.metadata().get("features") + "}";
        return parity(golden)
                .withPlacement(SubsetPlacement.valueOf(golden.metadata().get("placement")), 0, 0)
                .withTerms(ConfigBinder.bindText(terms, "terms", List.of(), LossTerms.class)
                        .value());
    }

    private static SiTConfig parity(GoldenCase golden) {
        return ParityConfig.of(
                JsonParser.parseString(golden.metadata().get("config")).getAsJsonObject());
    }
}
