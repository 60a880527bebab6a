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
import io.github.maskalign.core.sample.Guidance;
import io.github.maskalign.core.sample.SampleRequest;
import io.github.maskalign.core.sample.SampleRequest.NoiseSource;
import io.github.maskalign.core.sample.Sampler;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import java.util.function.Function;

/** Fixtures of samplers: {@code weights/ inputs/ outputs/}, method, steps and guidance in the metadata. */
record GoldenSampler(GoldenCase golden, SiT model, NDManager manager) {
    /** Returns a number of the metadata. */
    double number(String key) {
        return Double.parseDouble(golden.metadata().get(key));
    }

    /** Returns the case's guidance of latent and class token, by the label. */
    Guidance guidance() {
        double token = golden.metadata().containsKey("cls_cfg") ? number("cls_cfg") : 0;
        return new Guidance(number("cfg"), token, number("low"), number("high"));
    }

    /** Returns the case's rule with a guidance. */
    SamplerConfig config(Guidance guidance) {
        return SamplerConfig.defaults()
                .withMethod(SamplerMethod.valueOf(golden.metadata().get("method")), (int) number("steps"))
                .withGuidance(guidance);
    }

    /** Returns the latents (N, C, H, W), and the class token if there is one, that the sampler ends with. */
    NDList end(SamplerConfig config) {
        SampleRequest request = new SampleRequest(
                0,
                golden.get("inputs/y").toLongArray(),
                golden.get("inputs/latents").getShape().slice(1),
                model.config().classTokenWidth());
        return new Sampler(config, Interpolant.LINEAR)
                .sample(
                        manager,
                        new SiTVelocityField(model, new ParameterStore(manager, false)),
                        request,
                        new Given(golden));
    }

    /** Compares where DDPM's chain ends, guided by the label alone. */
    static void verifyChain(Class<?> test, String topic, String name, Function<GoldenCase, SiTConfig> config) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode inference = GradMode.off()) {
            GoldenCase golden = GoldenCase.load(test, topic, name, manager);
            GoldenSampler sampler =
                    new GoldenSampler(golden, GoldenLoss.model(config.apply(golden), golden, manager), manager);
            double cfg = sampler.number("cfg");
            Guidance guidance = new Guidance(
                    cfg, cfg, sampler.number("low"), sampler.number("high"), (int) sampler.number("guided"));
            if (golden.metadata().containsKey("cfg_power")) {
                guidance = guidance.withCfgPower(sampler.number("cfg_power"));
            }

            NDList end = sampler.end(sampler.config(guidance).withEta(sampler.number("eta")));

            // 1e-5: float32 against float64 in every call
            assertThat(GoldenCase.relativeError(end.singletonOrThrow(), golden.get("outputs/x")))
                    .isLessThan(1e-5);
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
}
