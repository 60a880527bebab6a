package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.sample.Guidance;
import io.github.maskalign.core.sample.SampleRequest;
import io.github.maskalign.core.sample.SampleRequest.NoiseSource;
import io.github.maskalign.core.sample.Sampler;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import java.util.Map;
import java.util.function.Function;

/** The way back on DDPM's chain with a network and noise of a golden case. */
final class GoldenChain {
    private GoldenChain() {}

    static void verify(String topic, String name, Function<GoldenCase, SiTConfig> config) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode inference = GradMode.off()) {
            GoldenCase golden = GoldenCase.load(GoldenChain.class, topic, name, manager);
            Map<String, String> facts = golden.metadata();
            SiT model = new SiT(config.apply(golden));
            model.initialize(manager);
            Weights.copyInto(model, golden.under("weights/"));
            double cfg = Double.parseDouble(facts.get("cfg"));
            Guidance guidance = new Guidance(
                            cfg,
                            cfg,
                            Double.parseDouble(facts.get("low")),
                            Double.parseDouble(facts.get("high")),
                            Integer.parseInt(facts.get("guided")))
                    .withCfgPower(Double.parseDouble(facts.getOrDefault("cfg_power", "0")));
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
