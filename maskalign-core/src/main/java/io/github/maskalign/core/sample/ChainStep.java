package io.github.maskalign.core.sample;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.diffusion.NoiseSchedule;
import io.github.maskalign.core.sample.Guidance.GuidedField;
import io.github.maskalign.core.sample.Guidance.Unconditional;
import io.github.maskalign.core.sample.SampleRequest.NoiseSource;
import io.github.maskalign.core.sample.Sampler.StepRule;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import io.github.maskalign.core.sample.VelocityField.NoiseField;

/**
 * One step back on DDPM's chain, by DDPM's own rule or by DDIM's; clean samples are not clipped, and the last step adds no noise.
 *
 * <p>Guidance acts on the noise alone, while the variance is the conditional one, as in DiT's {@code forward_with_cfg}. Source:
 * facebookresearch/DiT, {@code diffusion/gaussian_diffusion.py}, {@code p_sample} and {@code ddim_sample}.
 *
 * @param field gives noise and the variance's share for a state that is given twice, see {@link #pairs}
 * @param chain the steps
 */
record ChainStep(GuidedField field, SamplerConfig config, NoiseSchedule chain, NoiseSource noise, SampleRequest request)
        implements StepRule {

    /** The times of the steps, falling, and 0. */
    static double[] times(NoiseSchedule chain) {
        double[] times = new double[chain.size() + 1];
        for (int k = 0; k < chain.size(); k++) {
            times[chain.size() - 1 - k] = chain.time(k);
        }
        return times;
    }

    /**
     * A network of noise as a field with two outputs for a state that is given twice.
     *
     * @throws IllegalArgumentException if the network or the request have no place on the chain
     */
    static VelocityField pairs(VelocityField network, SampleRequest request) {
        NoiseField noise = network.noise().orElseThrow();
        if (request.classTokenWidth() > 0) {
            throw new IllegalArgumentException("a network of diffusion.process DDPM has no class token to sample along,"
                    + " but one of width " + request.classTokenWidth() + " was asked for");
        }
        return new VelocityField() {
            @Override
            public NDList velocity(NDList state, NDArray t, NDArray labels) {
                return noise.noise(state.get(0), t, labels);
            }

            @Override
            public long nullLabel() {
                return network.nullLabel();
            }
        };
    }

    /** Guidance of the noise; of the second output the conditional one is taken. */
    static Guidance ofNoise(Guidance guidance) {
        if (guidance.unconditional() != Unconditional.NULL_LABEL) {
            throw new IllegalArgumentException(
                    "unconditional must be NULL_LABEL for a network of diffusion.process DDPM but was "
                            + guidance.unconditional());
        }
        return new Guidance(
                        guidance.cfgScale(),
                        0,
                        guidance.intervalLow(),
                        guidance.intervalHigh(),
                        guidance.legacyGuidedChannels())
                .withCfgPower(guidance.cfgPower());
    }

    @Override
    public NDList advance(NDManager step, NDList state, int i) {
        int k = chain.size() - 1 - i;
        NDArray x = state.get(0);
        boolean ancestral = config.method() == SamplerMethod.DDPM;
        boolean noisy = k > 0 && (ancestral || config.eta() > 0);
        NDList n = noisy ? noise.path(step, request, i) : new NDList();
        NDList said = field.velocity(step, new NDList(x, x), chain.time(k), chain.time(k), 2 * i);
        NDArray eps = said.get(0);
        double bar = chain.alphaBar(k);
        double before = chain.alphaBarBefore(k);
        NDArray clean = x.mul(Math.sqrt(1 / bar)).sub(eps.mul(Math.sqrt(1 / bar - 1)));
        if (ancestral) {
            NDArray mean = clean.mul(chain.posteriorClean(k)).add(x.mul(chain.posteriorState(k)));
            return new NDList(noisy ? mean.add(deviation(said.get(1), k).mul(n.get(0))) : mean);
        }
        double sigma = config.eta() * Math.sqrt((1 - before) / (1 - bar)) * Math.sqrt(1 - bar / before);
        NDArray mean = clean.mul(Math.sqrt(before)).add(eps.mul(Math.sqrt(1 - before - sigma * sigma)));
        return new NDList(noisy ? mean.add(n.get(0).mul(sigma)) : mean);
    }

    /** √ of exp(f log β + (1 − f) log β̃) with the share f = (v + 1) / 2. */
    private NDArray deviation(NDArray share, int k) {
        double least = Math.log(chain.posteriorVariance(k));
        double most = Math.log(chain.beta(k));
        NDArray logVariance = share.add(1).mul((most - least) / 2).add(least);
        return logVariance.mul(0.5).exp();
    }
}
