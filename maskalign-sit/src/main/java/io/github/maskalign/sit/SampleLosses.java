package io.github.maskalign.sit;

import ai.djl.ndarray.NDArray;
import io.github.maskalign.core.data.FeatureBasis;
import io.github.maskalign.core.diffusion.DdpmLoss;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.diffusion.VelocityLoss;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What a model denoises, and how well, sample by sample and with all tokens, whatever it was trained on: the first terms of
 * {@link SiTLoss} before their mean over the batch.
 *
 * <pre>
 * velocity: mean (v̂ − v*)²          with features beside the latent over the latent's channels, and theirs apart
 * DDPM:     noise + vlb             DiT's two parts
 * </pre>
 */
public final class SampleLosses {
    /** In a script, as a number of Java's is gone when the backward pass looks for it. */
    private static final ScriptFunction ADD_WEIGHTED =
            ScriptFunction.of(Interpolant.class, "losses.py", "add_weighted");

    private static final ScriptFunction GROUP = ScriptFunction.of(SiT.class, "groups.py", "group");

    private final SiTLoss loss;
    private final SiTConfig config;
    private final FeatureGroup features;

    /**
     * Creates the losses.
     *
     * @param loss the training loss over the model
     * @param basis what makes features of the first encoder's tokens, if the data have one
     */
    public SampleLosses(SiTLoss loss, Optional<FeatureBasis> basis) {
        this.loss = loss;
        config = loss.model().config();
        features = new FeatureGroup(config, basis);
    }

    /**
     * The losses of samples.
     *
     * @param total what is learnt of denoising: the parts, that of features times its weight (N)
     * @param parts each part (N) by the name that logs use: {@code velocity} and perhaps {@code features}, or {@code noise} and
     *     {@code vlb}
     */
    public record Denoised(NDArray total, Map<String, NDArray> parts) {}

    /**
     * Returns a batch as the model sees it: with features behind its latents, if it generates any.
     *
     * @param in clean latents (N, C, H, W), noise of all channels, and the encoders' tokens
     * @throws IllegalArgumentException if the data have no basis for the features of this model
     */
    public SiTLossInput input(SiTLossInput in) {
        return features.add(in);
    }

    /**
     * Returns the losses of what the model has said.
     *
     * @throws IllegalArgumentException if tokens were dropped, whose places have no loss
     */
    public Denoised of(SiTOutput out, SiTLossInput in) {
        if (in.keep() != null) {
            throw new IllegalArgumentException("losses of samples are of all tokens, but some were dropped");
        }
        Map<String, NDArray> parts = new LinkedHashMap<>();
        if (config.process() == Process.DDPM) {
            DdpmLoss.Parts chain = DdpmLoss.perSample(
                    out.velocity(),
                    in.clean(),
                    in.noise(),
                    in.t(),
                    config.model().inChannels());
            parts.put(SiTLoss.SiTLosses.NOISE, chain.noise());
            parts.put(SiTLoss.SiTLosses.BOUND, chain.bound());
            return new Denoised(chain.noise().add(chain.bound()), parts);
        }
        NDArray target = loss.path().velocityTarget(in.clean(), in.noise(), in.t()); // (N, C, H, W)
        int latent = config.latentChannels();
        NDArray velocity = of(out.velocity(), target, 0, latent);
        parts.put("velocity", velocity);
        int more = config.featureChannels();
        if (more == 0) {
            return new Denoised(velocity, parts);
        }
        NDArray beside = of(out.velocity(), target, latent, more);
        parts.put("features", beside);
        double weight = config.terms().weight("features", in.context());
        return new Denoised(ADD_WEIGHTED.callForOne(velocity, beside, weight), parts);
    }

    private NDArray of(NDArray predicted, NDArray target, int first, int count) {
        int channels = config.model().inChannels();
        return count == channels
                ? VelocityLoss.perSample(predicted, target)
                : VelocityLoss.perSample(
                        GROUP.callForOne(predicted, first, count, channels),
                        GROUP.callForOne(target, first, count, channels));
    }
}
