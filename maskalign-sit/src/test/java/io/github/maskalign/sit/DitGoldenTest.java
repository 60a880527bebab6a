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

/** DiT on DDPM's chain, its loss with all gradients and its samplers, against a derivation from the densities. */
@Tag("bits")
class DitGoldenTest {
    static Stream<String> losses() {
        return GoldenCase.names(DitGoldenTest.class, "dit");
    }

    static Stream<String> samples() {
        return GoldenCase.names(DitGoldenTest.class, "dit-samples");
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
            GoldenCase golden = GoldenCase.load(DitGoldenTest.class, "dit", name, manager);
            SiTConfig config = config(golden)
                    .withPlacement(SubsetPlacement.valueOf(golden.metadata().get("placement")), 0, 0);
            new GoldenLoss(golden, manager).verify(config, Interpolant.LINEAR, runner, backward);
        }
    }

    @ParameterizedTest
    @MethodSource("samples")
    void samplersEndWhereTheReferenceEnds(String name) {
        GoldenChain.verify("dit-samples", name, DitGoldenTest::config);
    }

    private static SiTConfig config(GoldenCase golden) {
        return ParityConfig.of(
                        JsonParser.parseString(golden.metadata().get("config")).getAsJsonObject())
                .withProcess(Process.DDPM);
    }
}
