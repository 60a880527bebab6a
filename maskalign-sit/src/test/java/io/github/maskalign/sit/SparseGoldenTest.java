package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.sample.Guidance;
import io.github.maskalign.core.sample.Guidance.Unconditional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** SPRINT against PyTorch in float64, whose reference runs each sample alone: loss, gradients, path-drop guidance. */
@Tag("bits")
@Tag("device")
class SparseGoldenTest {
    private static final GoldenLoss LOSS = SparseGoldenTest::config;

    static Stream<String> losses() {
        return GoldenCase.names(SparseGoldenTest.class, "sparse");
    }

    static Stream<String> samples() {
        return GoldenCase.names(SparseGoldenTest.class, "sparse-samples");
    }

    @ParameterizedTest
    @MethodSource("losses")
    void lossAndGradientsMatch(String name) {
        LOSS.verify(getClass(), "sparse", name, GoldenLoss.Way.KEPT);
    }

    @ParameterizedTest
    @MethodSource("losses")
    void recomputedGradientsMatch(String name) {
        LOSS.verify(getClass(), "sparse", name, GoldenLoss.Way.RECOMPUTED);
    }

    @ParameterizedTest
    @MethodSource("samples")
    void pathDropGuidanceEndsWhereTheReferenceEnds(String name) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode inference = GradMode.off()) {
            GoldenCase golden = GoldenCase.load(getClass(), "sparse-samples", name, manager);
            GoldenSampler sampler =
                    new GoldenSampler(golden, GoldenLoss.model(config(golden), golden, manager), manager);
            Guidance guidance = sampler.guidance().withUnconditional(Unconditional.PATH_DROP);

            NDList end = sampler.end(sampler.config(guidance));

            // 1e-5: float32 against float64 in every call, guidance of 3
            assertThat(GoldenCase.relativeError(end.get(0), golden.get("outputs/x")))
                    .isLessThan(1e-5);
            if (end.size() > 1) {
                assertThat(GoldenCase.relativeError(end.get(1), golden.get("outputs/cls")))
                        .isLessThan(1e-5);
            }
            NDList byLabel = sampler.end(sampler.config(guidance.withUnconditional(Unconditional.NULL_LABEL)));
            assertThat(GoldenCase.relativeError(byLabel.get(0), golden.get("outputs/x")))
                    .isGreaterThan(1e-3);
        }
    }

    private static SiTConfig config(GoldenCase golden) {
        return GoldenLoss.parity(golden)
                .withSparse(Integer.parseInt(golden.metadata().get("dense")), 0.1);
    }
}
