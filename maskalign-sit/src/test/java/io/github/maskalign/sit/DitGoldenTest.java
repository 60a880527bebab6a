package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.sample.Guidance;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** DiT on DDPM's chain, its loss with all gradients and its samplers, against a derivation from the densities. */
@Tag("bits")
class DitGoldenTest {
    private static final GoldenLoss LOSS = golden -> config(golden)
            .withPlacement(SubsetPlacement.valueOf(golden.metadata().get("placement")), 0, 0);

    static Stream<String> losses() {
        return GoldenCase.names(DitGoldenTest.class, "dit");
    }

    static Stream<String> samples() {
        return GoldenCase.names(DitGoldenTest.class, "dit-samples");
    }

    @ParameterizedTest
    @MethodSource("losses")
    void lossAndGradientsMatch(String name) {
        LOSS.verify(getClass(), "dit", name, GoldenLoss.Way.KEPT);
    }

    @ParameterizedTest
    @MethodSource("losses")
    void recomputedGradientsMatch(String name) {
        LOSS.verify(getClass(), "dit", name, GoldenLoss.Way.RECOMPUTED);
    }

    @ParameterizedTest
    @MethodSource("samples")
    void samplersEndWhereTheReferenceEnds(String name) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode inference = GradMode.off()) {
            GoldenCase golden = GoldenCase.load(getClass(), "dit-samples", name, manager);
            GoldenSampler sampler =
                    new GoldenSampler(golden, GoldenLoss.model(config(golden), golden, manager), manager);
            Guidance guidance = new Guidance(
                    sampler.number("cfg"), sampler.number("cfg"), sampler.number("low"), sampler.number("high"), (int)
                            sampler.number("guided"));

            NDList end = sampler.end(sampler.config(guidance).withEta(sampler.number("eta")));

            // 1e-5: float32 against float64 in every call
            assertThat(GoldenCase.relativeError(end.singletonOrThrow(), golden.get("outputs/x")))
                    .isLessThan(1e-5);
        }
    }

    private static SiTConfig config(GoldenCase golden) {
        return GoldenLoss.parity(golden).withProcess(Process.DDPM);
    }
}
