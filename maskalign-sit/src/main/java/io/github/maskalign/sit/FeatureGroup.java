package io.github.maskalign.sit;

import ai.djl.ndarray.NDArray;
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
import java.util.Objects;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Puts the features of {@code terms.features} behind the latents of a batch; does nothing for a model without them. */
final class FeatureGroup {
    private final SiTConfig config;
    private final @Nullable Features term;
    private final @Nullable FeatureBasis basis;
    private final @Nullable NDManager owner;
    private @Nullable UnaryOperator<NDArray> reduction;

    /** How the numbers of a token hold its features. */
    private enum Layout {
        /** They are all that there is. */
        ALONE,
        /** They come first, and behind them what is aligned with and holds the class token. */
        IN_FRONT,
        /** The basis makes them of the whole token, whose last numbers are those of the encoder's last block. */
        WITHIN
    }

    /** As the other constructor, without arrays that are kept. */
    FeatureGroup(SiTConfig config, Optional<FeatureBasis> basis) {
        this(config, basis, null);
    }

    /**
     * Creates the group.
     *
     * @param basis that of the data, if they have one; as many of its channels are used as the model has
     * @param owner owner of the basis's arrays; null makes them for each batch
     */
    FeatureGroup(SiTConfig config, Optional<FeatureBasis> basis, @Nullable NDManager owner) {
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
     * Returns a batch whose clean samples have features behind the latents, or zeros where its step does without them, and whose
     * targets are the tokens of the encoder's last block alone.
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
        NDArray planes = in.context().featuresDropped()
                ? latents.getManager().zeros(new Shape(shape.get(0), wanted.channels(), shape.get(2), shape.get(3)))
                : planes(in.targets().get(0), wanted, Math.toIntExact(shape.get(3)));
        SiTLossInput joined = in.withClean(latents.concat(planes, 1)); // (N, C + C_f, H, W)
        return joined.withTargets(lastWidth(config) == 0 ? List.of() : lastBlock(in.targets()));
    }

    /** The tokens of the last block, where features or those of earlier blocks are in front of them. */
    private List<NDArray> lastBlock(List<NDArray> targets) {
        int width = lastWidth(config);
        if (targets.isEmpty() || targets.get(0).getShape().get(2) <= width) {
            return targets;
        }
        NDArray whole = targets.get(0);
        NDArray last = whole.get(new NDIndex(":, :, -" + width + ":")); // (N, 1+T, Z)
        return targets.stream().map(t -> t == whole ? last : t).toList(); // one encoder may serve several projectors
    }

    private NDArray planes(NDArray tokens, Features wanted, int side) {
        NDArray patches = tokens.get(new NDIndex(":, 1:")); // (N, T, Z)
        int width = Math.toIntExact(patches.getShape().get(2));
        Layout layout = layout(config, wanted, width, basis);
        if (layout == null) {
            throw new IllegalArgumentException("terms.features needs a basis for tokens of width " + width);
        }
        NDArray few = switch (layout) { // (N, T, C_f)
            case ALONE -> patches;
            case IN_FRONT -> patches.get(new NDIndex(":, :, :" + wanted.channels()));
            case WITHIN -> reduced(patches);
        };
        return FeatureBasis.planes(few, side);
    }

    private NDArray reduced(NDArray patches) {
        FeatureBasis known = Objects.requireNonNull(basis);
        if (owner == null) {
            return known.reduce(patches);
        }
        if (reduction == null) {
            reduction = known.on(owner);
        }
        return reduction.apply(patches);
    }

    /** Returns the width of what a model aligns with or takes its class token from; 0 if it does neither. */
    private static int lastWidth(SiTConfig config) {
        return config.hasClassToken()
                ? config.classTokenWidth()
                : config.encoderWidths().stream().findFirst().orElse(0);
    }

    private static @Nullable Layout layout(SiTConfig config, Features wanted, int width, @Nullable FeatureBasis basis) {
        if (width == wanted.channels()) {
            return Layout.ALONE;
        }
        if (basis != null && basis.width() == width) {
            return Layout.WITHIN;
        }
        int last = lastWidth(config);
        return last > 0 && width == wanted.channels() + last ? Layout.IN_FRONT : null;
    }

    /**
     * Returns the width of the encoder's last block, where its tokens have features or those of earlier blocks in front.
     *
     * @param width width of the tokens
     */
    static int lastBlockWidth(SiTConfig config, TrainingData data, int width) {
        Features wanted = config.terms().features().orElse(null);
        if (wanted == null) {
            return width;
        }
        int last = lastWidth(config);
        Layout layout = layout(config, wanted, width, data.featureBasis().orElse(null));
        boolean joined =
                layout == Layout.WITHIN && width == last * wanted.source().lastBlocks();
        return layout == Layout.IN_FRONT || joined ? last : width;
    }

    /**
     * Checks that the data give the features of a model, as far as that can be told without a sample.
     *
     * @param widths widths of the encoders' tokens
     * @throws IllegalArgumentException if they do not; says what to do
     */
    static void requireServed(SiTConfig config, TrainingData data, List<Integer> widths) {
        Features wanted = config.terms().features().orElse(null);
        if (wanted == null || widths.isEmpty()) {
            return;
        }
        int width = widths.get(0);
        FeatureBasis basis = data.featureBasis().orElse(null);
        Layout layout = layout(config, wanted, width, basis);
        if (layout == Layout.ALONE || layout == Layout.IN_FRONT) {
            return;
        }
        if (basis == null) {
            throw new IllegalArgumentException("terms.features needs the encoder's tokens in " + wanted.channels()
                    + " channels, but the data have no basis for that: prepare them with --feature-channels "
                    + wanted.channels() + ", or name a file that makes them as terms.features.reduction");
        }
        if (layout == null || basis.channels() < wanted.channels()) {
            throw new IllegalArgumentException("terms.features.channels " + wanted.channels() + " of tokens of width "
                    + width + " are not in the data's basis, which has " + basis.channels()
                    + " channels of tokens of width " + basis.width());
        }
        basis.first(wanted.channels());
    }
}
