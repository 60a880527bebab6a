package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.training.ParameterStore;
import com.google.gson.JsonParser;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.nn.internal.BlockRunner;
import io.github.maskalign.core.nn.internal.Recomputation;
import io.github.maskalign.core.sample.Guidance;
import io.github.maskalign.core.sample.SampleRequest;
import io.github.maskalign.core.sample.SampleRequest.NoiseSource;
import io.github.maskalign.core.sample.Sampler;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.core.script.Autograd.Differentiation;
import io.github.maskalign.sit.parity.internal.ParityConfig;
import java.util.Map;
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
        try (NDManager manager = NDManager.newBaseManager();
                GradMode inference = GradMode.off()) {
            GoldenCase golden = GoldenCase.load(DitGoldenTest.class, "dit-samples", name, manager);
            Map<String, String> facts = golden.metadata();
            SiT model = new SiT(config(golden));
            model.initialize(manager);
            Weights.copyInto(model, golden.under("weights/"));
            double cfg = Double.parseDouble(facts.get("cfg"));
            Guidance guidance = new Guidance(
                    cfg,
                    cfg,
                    Double.parseDouble(facts.get("low")),
                    Double.parseDouble(facts.get("high")),
                    Integer.parseInt(facts.get("guided")));
            SamplerConfig how = SamplerConfig.defaults()
                    .withMethod(SamplerMethod.valueOf(facts.get("method")), Integer.parseInt(facts.get("steps")))
                    .withGuidance(guidance)
                    .withEta(Double.parseDouble(facts.get("eta")));
            SampleRequest request = new SampleRequest(
                    0,
                    golden.get("inputs/y").toLongArray(),
                    golden.get("inputs/latents").getShape().slice(1),
                    0);

            NDList end = new Sampler(how, Interpolant.LINEAR)
                    .sample(
                            manager,
                            new SiTVelocityField(model, new ParameterStore(manager, false)),
                            request,
                            new Given(golden));

            // 1e-5: float32 against float64 in every call
            assertThat(GoldenCase.relativeError(end.singletonOrThrow(), golden.get("outputs/x")))
                    .isLessThan(1e-5);
        }
    }

    private static SiTConfig config(GoldenCase golden) {
        return ParityConfig.of(
                        JsonParser.parseString(golden.metadata().get("config")).getAsJsonObject())
                .withProcess(Process.DDPM);
    }

    /** The noise of a case. */
    private record Given(GoldenCase golden) implements NoiseSource {
        @Override
        public NDList initial(NDManager manager, SampleRequest request) {
            return owned(manager, golden.get("inputs/latents"));
        }

        @Override
        public NDList path(NDManager manager, SampleRequest request, int step) {
            return owned(manager, golden.get("inputs/noise").get(step).toType(DataType.FLOAT64, true));
        }

        private static NDList owned(NDManager manager, NDArray array) {
            NDArray copy = array.duplicate();
            copy.attach(manager);
            return new NDList(copy);
        }
    }
}
