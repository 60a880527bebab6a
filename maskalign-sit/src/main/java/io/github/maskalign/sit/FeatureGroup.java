package io.github.maskalign.sit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.FeatureBasis;
import io.github.maskalign.core.data.TrainingData;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.Draws.RandomStream;
import io.github.maskalign.sit.LossTerms.Features;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Puts the features of {@code terms.features} behind the latents of a batch; does nothing for a model without them. */
final class FeatureGroup {
    private final SiTConfig config;
    private final @Nullable Features term;
    private final @Nullable FeatureBasis basis;
    private final NDManager owner;
    private @Nullable NDList arrays;

    /**
     * Creates the group.
     *
     * @param basis that of the data, if they have one; as many of its channels are used as the model has
     * @param owner owner of the basis's arrays, where the loss is computed; they are brought there once
     */
    FeatureGroup(SiTConfig config, Optional<FeatureBasis> basis, NDManager owner) {
        this.config = config;
        this.owner = owner;
        term = config.terms().features().orElse(null);
        this.basis = term == null
                ? null
                : basis.map(all -> all.first(term.channels())).orElse(null);
    }

    /** Returns the shape of what a model sees for latents (N, C, H, W): with the channels of the features. */
    static Shape shape(SiTConfig config, Shape latents) {
        return new Shape(latents.get(0), latents.get(1) + config.featureChannels(), latents.get(2), latents.get(3));
    }

    /** Whether a step does without features: one number for all its samples, whoever computes them. */
    boolean dropped(Draws draws, long step) {
        return term != null && term.drop() > 0 && draws.uniform(RandomStream.FEATURE_DROP, step, 1)[0] < term.drop();
    }

    /**
     * Returns a batch whose clean samples have features behind the latents, or zeros where its step does without them.
     *
     * @param in latents (N, C, H, W), and the tokens (N, 1+T, Z) of the first encoder unless the step does without features
     */
    SiTLossInput add(SiTLossInput in) {
        Features wanted = term;
        if (wanted == null) {
            return in;
        }
        NDArray latents = in.clean();
        Shape shape = latents.getShape();
        boolean alone = !config.align().enabled() && !config.hasClassToken();
        NDArray planes = in.context().featuresDropped()
                ? latents.getManager().zeros(new Shape(shape.get(0), wanted.channels(), shape.get(2), shape.get(3)))
                : planes(in.targets().get(0), wanted, Math.toIntExact(shape.get(3)));
        SiTLossInput joined = in.withClean(latents.concat(planes, 1)); // (N, C + C_f, H, W)
        return alone ? joined.withTargets(List.of()) : joined;
    }

    private NDArray planes(NDArray tokens, Features wanted, int side) {
        NDArray patches = tokens.get(new NDIndex(":, 1:")); // (N, T, Z)
        FeatureBasis known = basis;
        boolean reduced = patches.getShape().get(2) == wanted.channels();
        if (!reduced && known == null) {
            throw new IllegalArgumentException("terms.features needs a basis for tokens of width "
                    + patches.getShape().get(2));
        }
        NDArray few = reduced || known == null ? patches : reduced(patches, known); // (N, T, C_f)
        return FeatureBasis.planes(few, side);
    }

    private NDArray reduced(NDArray patches, FeatureBasis known) {
        NDList there = arrays;
        if (there == null) {
            there = known.arrays(owner);
            arrays = there;
        }
        return known.reduce(patches, there);
    }

    /**
     * Checks that the data give the features of a model, as far as that can be told without a sample.
     *
     * @param widths widths of the encoders' tokens
     * @throws IllegalArgumentException if they do not; says what to do
     */
    static void requireServed(SiTConfig config, TrainingData data, List<Integer> widths) {
        Features wanted = config.terms().features().orElse(null);
        if (wanted == null || widths.isEmpty() || widths.get(0) == wanted.channels()) {
            return;
        }
        FeatureBasis basis = data.featureBasis()
                .orElseThrow(() ->
                        new IllegalArgumentException("terms.features needs the encoder's tokens in " + wanted.channels()
                                + " channels, but the data have no basis for that: prepare them with --feature-channels "
                                + wanted.channels()));
        if (basis.width() != widths.get(0) || basis.channels() < wanted.channels()) {
            throw new IllegalArgumentException("terms.features.channels " + wanted.channels() + " of tokens of width "
                    + widths.get(0) + " are not in the data's basis, which has " + basis.channels()
                    + " channels of tokens of width " + basis.width());
        }
    }
}
