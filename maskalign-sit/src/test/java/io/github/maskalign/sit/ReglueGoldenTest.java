package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.data.FeatureBasis;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.sit.LossTerms.Features;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * REGLUE's compressed features of joined tokens, its loss at the steps where their weight changes, gradients and guidance,
 * against PyTorch in float64.
 */
@Tag("bits")
class ReglueGoldenTest implements GoldenLoss {
    @TempDir
    Path folder;

    static Stream<String> losses() {
        return GoldenCase.names(ReglueGoldenTest.class, "reglue");
    }

    static Stream<String> samples() {
        return GoldenCase.names(ReglueGoldenTest.class, "reglue-samples");
    }

    @ParameterizedTest
    @MethodSource("losses")
    void lossAndGradientsMatch(String name) {
        verify(getClass(), "reglue", name, Way.KEPT);
    }

    @ParameterizedTest
    @MethodSource("losses")
    void recomputedGradientsMatch(String name) {
        verify(getClass(), "reglue", name, Way.RECOMPUTED);
    }

    @Override
    public double tolerance(String part) {
        return part.equals("align") ? 1e-4 : 1e-5; // a sum near zero
    }

    @Override
    public SiTLossInput input(GoldenCase golden, SiTLossInput plain) {
        long step = Long.parseLong(golden.metadata().get("step"));
        SiTConfig config = config(golden);
        int width = config.classTokenWidth();
        try (NDManager scratch = plain.clean().getManager().newSubManager()) {
            FeatureGroup group = new FeatureGroup(config, Optional.of(compressor(golden)), scratch);
            SiTLossInput in = group.add(plain.withContext(new SiTLossInput.Context(step, Map.of())));

            NDArray features = in.clean().get(":, -" + config.featureChannels() + ":");
            assertThat(GoldenCase.relativeError(features, golden.get("features")))
                    .isLessThan(1e-5);
            assertThat(in.targets()).hasSize(1);
            assertThat(in.targets().get(0).toFloatArray())
                    .isEqualTo(
                            plain.targets().get(0).get(":, :, -" + width + ":").toFloatArray());
            return in;
        }
    }

    private FeatureBasis compressor(GoldenCase golden) {
        Path file = folder.resolve("compressor.safetensors");
        try {
            SafetensorsWriter.write(file, StateDict.of(golden.under("reduction/")), Map.of());
            return FeatureBasis.read(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public SiTConfig config(GoldenCase golden) {
        String terms = "{features: " + golden.metadata().get("features") + "}";
        return GoldenLoss.parity(golden)
                .withTerms(ConfigBinder.bindText(terms, "terms", List.of(), LossTerms.class)
                        .value());
    }

    @ParameterizedTest
    @MethodSource("samples")
    void guidanceEndsWhereTheReferenceEnds(String name) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode inference = GradMode.off()) {
            GoldenCase golden = GoldenCase.load(getClass(), "reglue-samples", name, manager);
            int channels = Integer.parseInt(golden.metadata().get("channels"));
            SiTConfig config = GoldenLoss.parity(golden).withTerms(LossTerms.NONE.withFeatures(Features.of(channels)));
            GoldenSampler sampler = new GoldenSampler(golden, GoldenLoss.model(config, golden, manager), manager);
            double scale = sampler.number("feature_cfg");

            NDList end = sampler.end(sampler.config(sampler.guidance().withFeatureCfgScale(scale)));

            // 1e-5: float32 against float64 in every call, guidance of 2.3
            assertThat(GoldenCase.relativeError(end.get(0), golden.get("outputs/x")))
                    .isLessThan(1e-5);
            assertThat(GoldenCase.relativeError(end.get(1), golden.get("outputs/cls")))
                    .isLessThan(1e-5);
            NDList other = sampler.end(sampler.config(sampler.guidance().withFeatureCfgScale(1.7 - scale)));
            assertThat(GoldenCase.relativeError(other.get(0), golden.get("outputs/x")))
                    .isGreaterThan(1e-3);
        }
    }
}
