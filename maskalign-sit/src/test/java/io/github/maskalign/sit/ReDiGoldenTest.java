package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.data.FeatureBasis;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.sample.Guidance;
import io.github.maskalign.core.sample.Guidance.Unconditional;
import io.github.maskalign.sit.LossTerms.Features;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** ReDi's features, loss, gradients and guidance, against PyTorch in float64 on ReDi's own time axis. */
@Tag("bits")
class ReDiGoldenTest implements GoldenLoss {
    static Stream<String> losses() {
        return GoldenCase.names(ReDiGoldenTest.class, "redi");
    }

    static Stream<String> samples() {
        return GoldenCase.names(ReDiGoldenTest.class, "redi-samples");
    }

    @ParameterizedTest
    @MethodSource("losses")
    void lossAndGradientsMatch(String name) {
        verify(getClass(), "redi", name, Way.KEPT);
    }

    @ParameterizedTest
    @MethodSource("losses")
    void recomputedGradientsMatch(String name) {
        verify(getClass(), "redi", name, Way.RECOMPUTED);
    }

    @Override
    public double tolerance(String part) {
        return part.equals("align") ? 1e-4 : 1e-5; // a sum near zero
    }

    @Override
    public SiTLossInput input(GoldenCase golden, SiTLossInput plain) {
        boolean bare = Boolean.parseBoolean(golden.metadata().get("bare").toLowerCase(Locale.ROOT));
        SiTConfig config = config(golden);
        SiTLossInput in = new FeatureGroup(config, Optional.of(basis(golden)))
                .add(plain.withContext(SiTLossInput.Context.FIRST.withFeaturesDropped(bare)));
        if (!bare) {
            NDArray features = in.clean().get(":, -" + config.featureChannels() + ":");
            assertThat(GoldenCase.relativeError(features, golden.get("features")))
                    .isLessThan(1e-5);
        }
        return in;
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
            SiTConfig config = GoldenLoss.parity(golden)
                    .withTerms(LossTerms.NONE.withFeatures(Features.of(Integer.parseInt(facts.get("channels")))));
            GoldenSampler sampler = new GoldenSampler(golden, GoldenLoss.model(config, golden, manager), manager);
            Guidance guidance = sampler.guidance()
                    .withUnconditional(Unconditional.valueOf(facts.get("unconditional")))
                    .withFeatureCfgScale(sampler.number("feature_cfg"));

            NDArray end = sampler.end(sampler.config(guidance)).singletonOrThrow();

            // 1e-5: float32 against float64 in every call, guidance of 2.4
            assertThat(GoldenCase.relativeError(end, golden.get("outputs/x"))).isLessThan(1e-5);
            Unconditional other = guidance.unconditional() == Unconditional.NULL_LABEL
                    ? Unconditional.NO_FEATURES
                    : Unconditional.NULL_LABEL;
            assertThat(GoldenCase.relativeError(
                            sampler.end(sampler.config(guidance.withUnconditional(other)))
                                    .singletonOrThrow(),
                            golden.get("outputs/x")))
                    .isGreaterThan(1e-3);
        }
    }

    private static FeatureBasis basis(GoldenCase golden) {
        return new FeatureBasis(
                golden.get("basis/mean").toFloatArray(),
                golden.get("basis/std").toFloatArray(),
                golden.get("basis/components").toFloatArray(),
                Map.of());
    }

    @Override
    public SiTConfig config(GoldenCase golden) {
        String terms = "{features: " + golden.metadata().get("features") + "}";
        return GoldenLoss.parity(golden)
                .withPlacement(SubsetPlacement.valueOf(golden.metadata().get("placement")), 0, 0)
                .withTerms(ConfigBinder.bindText(terms, "terms", List.of(), LossTerms.class)
                        .value());
    }
}
