package io.github.maskalign.sit;

import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** MDTv2's loss of two passes with all gradients, and its sampler, against a derivation that runs each sample alone. */
@Tag("bits")
class MdtGoldenTest implements GoldenLoss {
    static Stream<String> losses() {
        return GoldenCase.names(MdtGoldenTest.class, "mdtv2");
    }

    static Stream<String> samples() {
        return GoldenCase.names(MdtGoldenTest.class, "mdtv2-samples");
    }

    @ParameterizedTest
    @MethodSource("losses")
    void lossAndGradientsMatch(String name) {
        verify(getClass(), "mdtv2", name, Way.KEPT);
    }

    @ParameterizedTest
    @MethodSource("losses")
    void recomputedGradientsMatch(String name) {
        verify(getClass(), "mdtv2", name, Way.RECOMPUTED);
    }

    @ParameterizedTest
    @MethodSource("samples")
    void samplersEndWhereTheReferenceEnds(String name) {
        GoldenSampler.verifyChain(getClass(), "mdtv2-samples", name, MdtGoldenTest::network);
    }

    @Override
    public SiTConfig config(GoldenCase golden) {
        SiTConfig config = network(golden);
        double cap = Double.parseDouble(golden.metadata().get("min_snr"));
        return config.withTerms(config.terms().withMinSnr(cap));
    }

    @Override
    public SiTLossInput input(GoldenCase golden, SiTLossInput plain) {
        SiTLossInput.Context context = plain.context();
        if (golden.has("inputs/masked_noise")) {
            context = context.withMaskedPass(new SiTLossInput.MaskedPass(
                    golden.get("inputs/masked_noise"), golden.get("inputs/keep"), golden.get("inputs/masked_dropped")));
        }
        return new SiTLossInput(
                plain.clean(),
                plain.noise(),
                plain.t(),
                plain.y(),
                plain.targets(),
                null,
                null,
                golden.get("inputs/dropped"),
                context);
    }

    @Override
    public double tolerance(String part) {
        return 1e-5; // no part is a sum near zero
    }

    private static SiTConfig network(GoldenCase golden) {
        SiTConfig plain = GoldenLoss.parity(golden).withProcess(Process.DDPM);
        int decoder = Integer.parseInt(golden.metadata().get("decoder"));
        return plain.withSubset(plain.subset().withSparse(decoder, 0)).withPlacement(SubsetPlacement.MASKED_PASS, 0, 0);
    }
}
