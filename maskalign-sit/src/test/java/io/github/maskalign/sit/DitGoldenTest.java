package io.github.maskalign.sit;

import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.golden.GoldenCase;
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
        GoldenSampler.verifyChain(getClass(), "dit-samples", name, DitGoldenTest::config);
    }

    private static SiTConfig config(GoldenCase golden) {
        return GoldenLoss.parity(golden).withProcess(Process.DDPM);
    }
}
