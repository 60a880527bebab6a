package io.github.maskalign.sit;

import ai.djl.ndarray.NDManager;
import com.google.gson.JsonParser;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.internal.BlockRunner;
import io.github.maskalign.core.nn.internal.Recomputation;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.core.script.Autograd.Differentiation;
import io.github.maskalign.sit.parity.internal.ParityConfig;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** MDTv2's loss of two passes with all gradients, and its sampler, against a derivation that runs each sample alone. */
@Tag("bits")
class MdtGoldenTest {
    static Stream<String> losses() {
        return GoldenCase.names(MdtGoldenTest.class, "mdtv2");
    }

    static Stream<String> samples() {
        return GoldenCase.names(MdtGoldenTest.class, "mdtv2-samples");
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

    @ParameterizedTest
    @MethodSource("samples")
    void samplersEndWhereTheReferenceEnds(String name) {
        GoldenChain.verify("mdtv2-samples", name, MdtGoldenTest::config);
    }

    private static void verify(String name, BlockRunner runner, Differentiation backward) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode recording = GradMode.on()) {
            GoldenCase golden = GoldenCase.load(MdtGoldenTest.class, "mdtv2", name, manager);
            double cap = Double.parseDouble(golden.metadata().get("min_snr"));
            SiTConfig config = config(golden);
            new GoldenLoss(golden, manager)
                    .verify(config.withTerms(config.terms().withMinSnr(cap)), Interpolant.LINEAR, runner, backward);
        }
    }

    private static SiTConfig config(GoldenCase golden) {
        SiTConfig plain = ParityConfig.of(
                        JsonParser.parseString(golden.metadata().get("config")).getAsJsonObject())
                .withProcess(Process.DDPM);
        int decoder = Integer.parseInt(golden.metadata().get("decoder"));
        return plain.withSubset(plain.subset().withSparse(decoder, 0)).withPlacement(SubsetPlacement.MASKED_PASS, 0, 0);
    }
}
