package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.training.ParameterStore;
import com.google.gson.JsonParser;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.nn.internal.BlockRunner;
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
import io.github.maskalign.sit.parity.internal.ParityConfig;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** SPRINT against PyTorch in float64, whose reference runs each sample alone: loss, gradients, path-drop guidance. */
@Tag("bits")
@Tag("device")
class SparseGoldenTest {
    static Stream<String> losses() {
        return GoldenCase.names(SparseGoldenTest.class, "sparse");
    }

    static Stream<String> samples() {
        return GoldenCase.names(SparseGoldenTest.class, "sparse-samples");
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
            GoldenCase golden = GoldenCase.load(SparseGoldenTest.class, "sparse", name, manager);
            new GoldenLoss(golden, manager).verify(config(golden), Interpolant.LINEAR, runner, backward);
        }
    }

    @ParameterizedTest
    @MethodSource("samples")
    void pathDropGuidanceEndsWhereTheReferenceEnds(String name) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode inference = GradMode.off()) {
            GoldenCase golden = GoldenCase.load(SparseGoldenTest.class, "sparse-samples", name, manager);
            Map<String, String> facts = golden.metadata();
            SiT model = model(golden, manager);
            Guidance guidance = new Guidance(
                            Double.parseDouble(facts.get("cfg")),
                            Double.parseDouble(facts.get("cls_cfg")),
                            Double.parseDouble(facts.get("low")),
                            Double.parseDouble(facts.get("high")))
                    .withUnconditional(Unconditional.PATH_DROP);
            SamplerConfig config = SamplerConfig.defaults()
                    .withMethod(SamplerMethod.valueOf(facts.get("method")), Integer.parseInt(facts.get("steps")))
                    .withGuidance(guidance);
            SampleRequest request = new SampleRequest(
                    0,
                    golden.get("inputs/y").toLongArray(),
                    golden.get("inputs/latents").getShape().slice(1),
                    model.config().classTokenWidth());

            NDList end = new Sampler(config, Interpolant.LINEAR)
                    .sample(
                            manager,
                            new SiTVelocityField(model, new ParameterStore(manager, false)),
                            request,
                            new Given(golden));

            // 1e-5: float32 against float64 in every call, guidance of 3
            assertThat(GoldenCase.relativeError(end.get(0), golden.get("outputs/x")))
                    .isLessThan(1e-5);
            if (end.size() > 1) {
                assertThat(GoldenCase.relativeError(end.get(1), golden.get("outputs/cls")))
                        .isLessThan(1e-5);
            }
            NDList byLabel = new Sampler(
                            config.withGuidance(guidance.withUnconditional(Unconditional.NULL_LABEL)),
                            Interpolant.LINEAR)
                    .sample(
                            manager,
                            new SiTVelocityField(model, new ParameterStore(manager, false)),
                            request,
                            new Given(golden));
            assertThat(GoldenCase.relativeError(byLabel.get(0), golden.get("outputs/x")))
                    .isGreaterThan(1e-3);
        }
    }

    /** The noise of a case. */
    private record Given(GoldenCase golden) implements NoiseSource {
        @Override
        public NDList initial(NDManager manager, SampleRequest request) {
            return all(manager, "inputs/latents", "inputs/cls_latents", -1);
        }

        @Override
        public NDList path(NDManager manager, SampleRequest request, int step) {
            return all(manager, "inputs/noise", "inputs/cls_noise", step);
        }

        private NDList all(NDManager manager, String latents, String token, int step) {
            NDList out = new NDList();
            for (String name : new String[] {latents, token}) {
                if (golden.has(name)) {
                    NDArray array = golden.get(name);
                    out.add(step < 0 ? array.duplicate() : array.get(step).toType(DataType.FLOAT64, true));
                }
            }
            out.attach(manager);
            return out;
        }
    }

    private static SiT model(GoldenCase golden, NDManager manager) {
        SiT model = new SiT(config(golden));
        model.initialize(manager);
        Weights.copyInto(model, golden.under("weights/"));
        return model;
    }

    private static SiTConfig config(GoldenCase golden) {
        SiTConfig config = ParityConfig.of(
                JsonParser.parseString(golden.metadata().get("config")).getAsJsonObject());
        return config.withSparse(Integer.parseInt(golden.metadata().get("dense")), 0.1);
    }
}
