package io.github.maskalign.sit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import io.github.maskalign.core.align.AlignmentLoss;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.core.script.Autograd.Differentiation;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.core.train.Objective;
import io.github.maskalign.core.train.TrainConfig.BatchPlan;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.sit.SiTLoss.Aligned;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import io.github.maskalign.sit.SiTLoss.SiTLosses;
import io.github.maskalign.sit.SiTObjective.Drawn;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Trains a SiT and the autoencoder of its latents together (REPA-E, arXiv 2504.10483).
 *
 * <pre>
 * z, L_rec, L_D = autoencoder(pictures)                                       see {@link AutoencoderSide}
 * autoencoder:    L_rec + 1.5 · L_align(SiT at x_t of norm(z))                norm by running statistics, true labels, SiT stands still
 * discriminator:  L_D
 * SiT:            L_velocity + λ · L_align at x_t of norm(stop(z))            norm by the batch's statistics, labels dropped
 * </pre>
 *
 * <p>Both alignments have the same times and noise. All three are computed with the weights as the step finds them and then each is
 * clipped by its own norm and updated, which is what three optimisers one after the other do, as none of the losses looks at a
 * weight that another one has moved in the step. Averages are those of the SiT and of its norm's running statistics; the
 * autoencoder is used as it is. With several micro-batches each is normalised by its own statistics, and the next one's
 * autoencoder sees the running ones moved on, as in the published code. One process only: there, statistics are of all processes.
 */
public final class EndToEndObjective implements Objective {
    /** Prefix of the autoencoder's keys, and the group that it is clipped with. */
    public static final String AUTOENCODER = "autoencoder";

    /** Prefix of the discriminator's keys, and the group that it is clipped with. */
    public static final String DISCRIMINATOR = "discriminator";

    private final SiTObjective transformer;
    private final AutoencoderSide side;
    private final LatentBatchNorm norm;
    private final EndToEnd term;
    private final Map<String, Parameter> parameters = new LinkedHashMap<>();
    private final ScriptFunction addWeighted = ScriptFunction.of(Interpolant.class, "losses.py", "add_weighted");
    private @Nullable BatchPlan plan;

    /** The autoencoder of a training end to end, and its own part of the losses. */
    public interface AutoencoderSide {
        /** Returns the weights of the autoencoder by key. */
        Map<String, Parameter> autoencoder();

        /** Returns the weights of the discriminator by key; empty if there is none. */
        Map<String, Parameter> discriminator();

        /**
         * Computes the losses of some pictures, recorded.
         *
         * @param images (N, 3, H, W), uint8
         * @param noise of the posterior (N, C, h, w), standard normal
         */
        SideLosses losses(NDArray images, NDArray noise);
    }

    /**
     * What an autoencoder makes of pictures.
     *
     * @param latents z (N, C, h, w), recorded
     * @param reconstruction what the autoencoder minimises beside the alignment, 0-d
     * @param discriminator what the discriminator minimises, 0-d; null if there is none
     * @param parts summands for the logs by name, 0-d
     */
    public record SideLosses(
            NDArray latents,
            NDArray reconstruction,
            @Nullable NDArray discriminator,
            Map<String, NDArray> parts) {}

    /**
     * Joins the two.
     *
     * @param transformer the objective of a model with {@code terms.endToEnd}, over data with pictures
     * @param side the autoencoder
     * @param mean mean of its latents by channel (C), as far as known, with which the running statistics begin
     * @param variance their variance (C)
     * @throws IllegalArgumentException if the model is not one for this
     */
    public EndToEndObjective(SiTObjective transformer, AutoencoderSide side, NDArray mean, NDArray variance) {
        this.transformer = transformer;
        this.side = side;
        LatentBatchNorm own = transformer.model().latentNorm();
        if (own == null) {
            throw new IllegalArgumentException("the model must have terms.endToEnd to be trained so");
        }
        norm = own;
        term = transformer.model().config().terms().endToEnd().orElseThrow();
        norm.restart(mean, variance);
        parameters.putAll(transformer.parameters());
        side.autoencoder().forEach((key, parameter) -> parameters.put(AUTOENCODER + "." + key, parameter));
        side.discriminator().forEach((key, parameter) -> parameters.put(DISCRIMINATOR + "." + key, parameter));
    }

    @Override
    public Map<String, Parameter> parameters() {
        return parameters;
    }

    @Override
    public boolean isAveraged(String key) {
        return clippedWith(key).isEmpty();
    }

    @Override
    public String clippedWith(String key) {
        if (key.startsWith(AUTOENCODER + ".")) {
            return AUTOENCODER;
        }
        return key.startsWith(DISCRIMINATOR + ".") ? DISCRIMINATOR : "";
    }

    @Override
    public void begin(TrainState state) {
        transformer.begin(state);
    }

    /** @throws IllegalArgumentException if several processes are to share a step */
    @Override
    public void follow(BatchPlan followed) {
        if (followed.ranks() > 1) {
            throw tooManyProcesses(followed.ranks());
        }
        plan = followed;
        transformer.follow(followed);
    }

    /** Returns why several processes cannot train one model so. */
    public static IllegalArgumentException tooManyProcesses(int ranks) {
        return new IllegalArgumentException(
                "terms.endToEnd trains in one process, as the norm of its latents goes by the"
                        + " statistics of all of a batch, but there are " + ranks
                        + ": start one, with a larger train.accumulation if memory is short");
    }

    @Override
    public void beforeUpdate() {
        norm.takeOver();
    }

    @Override
    public StepLosses loss(NDManager scratch, long step, long first, int count) {
        return of(transformer.drawn(scratch, step, first, count), step, count);
    }

    /** The losses of samples whose numbers are drawn; their arrays are as {@link StepInputs#of} has them. */
    StepLosses of(Drawn drawn, long step, int count) {
        SiTLossInput in = drawn.input();
        NDArray images = drawn.arrays().get("images");
        if (images == null) {
            throw new IllegalStateException("the training data has no pictures for the autoencoder");
        }
        transformer.round(step);
        SideLosses made = side.losses(images, StepInputs.required(drawn.arrays(), "posterior"));
        NDArray z = made.latents();
        NDArray alignment = alignment(in, norm.byRunning(z, step));
        NDArray autoencoder = addWeighted.callForOne(made.reconstruction(), alignment, term.alignCoeff());
        NDArray latents = norm.byBatch(z.stopGradient(), step);
        StepLosses own = transformer.computed(
                new Drawn(in.withClean(latents), drawn.arrays(), drawn.dataSeconds()), SiTLosses::total, true);

        Map<String, NDArray> parts = new LinkedHashMap<>(own.parts());
        parts.put("transformer", own.total());
        parts.putAll(made.parts());
        parts.put("autoencoder_align", alignment);
        parts.put("autoencoder", autoencoder);
        NDArray discriminator = made.discriminator();
        NDArray total = own.total().add(autoencoder);
        return new StepLosses(
                discriminator == null ? total : total.add(discriminator),
                parts,
                own.dataSeconds(),
                each(own, autoencoder, discriminator, count));
    }

    /** What the autoencoder's latents are aligned with: no label is dropped, as the model does not learn here. */
    private NDArray alignment(SiTLossInput in, NDArray latents) {
        SiTLoss loss = transformer.loss();
        SiTLossInput whole =
                new SiTLossInput(latents, in.noise(), in.t(), in.y(), in.targets(), null, null, null, in.context());
        List<NDArray> projected = transformer.model().projected(transformer.store(), loss.noised(whole));
        Aligned compared = loss.aligned(new SiTOutput(latents, projected, null, SiTOutput.Taps.NONE), whole);
        return new AlignmentLoss().evaluate(compared.targets(), compared.predictions());
    }

    /** The gradient of each loss for its own weights, and for no others. */
    private Differentiation each(StepLosses own, NDArray autoencoder, @Nullable NDArray discriminator, int count) {
        return (total, weights, owner) -> {
            int ofSide = trained(side.autoencoder());
            int ofDiscriminator = trained(side.discriminator());
            int ofModel = weights.size() - ofSide - ofDiscriminator;
            NDList all =
                    new NDList(own.backward().gradients(share(own.total(), count), part(weights, 0, ofModel), owner));
            all.addAll(Autograd.gradients(share(autoencoder, count), part(weights, ofModel, ofModel + ofSide), owner));
            if (discriminator != null) {
                NDList last = part(weights, ofModel + ofSide, weights.size());
                all.addAll(Autograd.gradients(share(discriminator, count), last, owner));
            }
            return all;
        };
    }

    private static NDList part(NDList weights, int from, int to) {
        return new NDList(weights.subList(from, to));
    }

    private static int trained(Map<String, Parameter> all) {
        return Math.toIntExact(
                all.values().stream().filter(Parameter::requiresGradient).count());
    }

    /** As a step weighs the mean over some of its samples. */
    private NDArray share(NDArray mean, int count) {
        BatchPlan known = plan;
        if (known == null || known.globalBatch() == count) {
            return mean;
        }
        try (GradMode recording = GradMode.on()) {
            return Autograd.divide(mean, (double) known.globalBatch() / count);
        }
    }
}
