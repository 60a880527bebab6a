package io.github.maskalign.sit;

import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.RepresentationEncoder.AttentionSize;
import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Inline;
import io.github.maskalign.core.config.ConfigKey.NonNegative;
import io.github.maskalign.core.config.ConfigKey.Positive;
import io.github.maskalign.core.config.ConfigKey.Range;
import io.github.maskalign.core.train.AutoStop;
import io.github.maskalign.core.train.LossSchedule;
import io.github.maskalign.core.train.LossSchedule.Course;
import io.github.maskalign.core.train.LossStages;
import io.github.maskalign.sit.SiTLoss.SiTLossInput.Context;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The terms that MaskAlign's relatives add to the loss of velocity, class token and alignment, under the keys of a config's
 * section {@code terms}. Each is off unless it is there. Blocks are counted from 1; 0 is the input of the first block,
 * behind the mixer.
 *
 * @param layerSync an earlier block follows a later one (LayerSync)
 * @param dispersive samples of a batch keep apart (dispersive loss)
 * @param contrastive velocities keep apart from those of other samples (contrastive flow matching)
 * @param attention attention maps follow the encoder's (HASTE)
 * @param selfAlign an earlier block follows a later one of the model's moving average, which sees less noise (SRA)
 * @param mae dropped patches are painted in (MaskDiT)
 * @param features few channels of an encoder's tokens are generated beside the latent (ReDi)
 * @param minSnr cap γ of the weight min(SNR, γ) / SNR that the error of the noise has at each step of DDPM's chain, so that
 *     steps with little noise count less (Min-SNR, arXiv 2303.09556); 0 weights all alike; 5 in MDTv2
 * @param endToEnd the autoencoder is trained along (REPA-E)
 * @param autoStop when terms with schedule AUTO, alignment and attention, stop
 */
public record LossTerms(
        @Default("null") Optional<LayerSync> layerSync,
        @Default("null") Optional<Dispersive> dispersive,
        @Default("null") Optional<Contrastive> contrastive,
        @Default("null") Optional<Attention> attention,
        @Default("null") Optional<SelfAlign> selfAlign,
        @Default("null") Optional<Mae> mae,
        @Default("null") Optional<Features> features,
        @NonNegative @Default("0.0") double minSnr,
        @Default("null") Optional<EndToEnd> endToEnd,
        @Default("{}") AutoStop.Rule autoStop) {
    /** No further term: SiT, REPA, REG, MaskAlign. */
    public static final LossTerms NONE = new LossTerms(
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            0,
            Optional.empty(),
            AutoStop.Rule.USUAL);

    /** @throws IllegalArgumentException if a number is out of its range */
    public LossTerms {
        if (!(minSnr >= 0 && Double.isFinite(minSnr))) {
            throw new IllegalArgumentException("terms.minSnr must be at least 0 but was " + minSnr);
        }
    }

    /** Terms without features beside the latent. */
    public LossTerms(
            Optional<LayerSync> layerSync,
            Optional<Dispersive> dispersive,
            Optional<Contrastive> contrastive,
            Optional<Attention> attention,
            Optional<SelfAlign> selfAlign,
            Optional<Mae> mae,
            AutoStop.Rule autoStop) {
        this(
                layerSync,
                dispersive,
                contrastive,
                attention,
                selfAlign,
                mae,
                Optional.empty(),
                0,
                Optional.empty(),
                autoStop);
    }

    /** Returns these terms with features beside the latent. */
    public LossTerms withFeatures(Features group) {
        return new LossTerms(
                layerSync,
                dispersive,
                contrastive,
                attention,
                selfAlign,
                mae,
                Optional.of(group),
                minSnr,
                endToEnd,
                autoStop);
    }

    /** Returns these terms with another cap of the weight of the noise's error; 0 for none. */
    public LossTerms withMinSnr(double cap) {
        return new LossTerms(
                layerSync, dispersive, contrastive, attention, selfAlign, mae, features, cap, endToEnd, autoStop);
    }

    /** Returns these terms with an autoencoder that is trained along. */
    public LossTerms withEndToEnd(EndToEnd side) {
        return new LossTerms(
                layerSync,
                dispersive,
                contrastive,
                attention,
                selfAlign,
                mae,
                features,
                minSnr,
                Optional.of(side),
                autoStop);
    }

    /**
     * {@code coeff · (−mean cos(h_block, stop(h_target)))}, see
     * {@link io.github.maskalign.core.align.AuxiliaryLoss#layerSync}.
     *
     * @param coeff weight; 0.2 as published
     * @param block the block that learns; 8 of 28 as published
     * @param target the block that it follows, which stands still; 16 of 28
     * @param weight how the weight changes over the run
     */
    public record LayerSync(
            @NonNegative @Default("0.2") double coeff,
            @Positive int block,
            @Positive int target,
            @Inline LossSchedule weight) {
        /** @throws IllegalArgumentException if the target does not come later */
        public LayerSync {
            if (block >= target) {
                throw new IllegalArgumentException(
                        "target must be a block behind block " + block + " but was " + target);
            }
        }
    }

    /**
     * {@code coeff · log mean exp(−‖z_i − z_j‖²/size)} over the samples of a micro-batch, see
     * {@link io.github.maskalign.core.align.AuxiliaryLoss#dispersive}.
     *
     * @param coeff weight; 0.5 as published
     * @param block whose output keeps apart; 0 for the last block
     * @param weight how the weight changes over the run
     */
    public record Dispersive(
            @NonNegative @Default("0.5") double coeff,
            @NonNegative @Default("0") int block,
            @Inline LossSchedule weight) {}

    /**
     * {@code −coeff · mean((v̂ − v*')²)} with v*' the target of the sample before, see
     * {@link io.github.maskalign.core.align.AuxiliaryLoss#contrastiveFlow}.
     *
     * @param coeff weight, which is subtracted; 0.05 as published
     * @param weight how the weight changes over the run
     */
    public record Contrastive(
            @NonNegative @Default("0.05") double coeff,
            @Inline LossSchedule weight) {}

    /**
     * {@code coeff ·} the mean over pairs of blocks of the cross-entropy of their attention with the encoder's, see
     * {@link io.github.maskalign.core.align.AuxiliaryLoss#attentionDistillation}. Head h follows head h; heads that the model
     * has beyond the encoder's follow nothing. While the weight is 0 no attention is computed, neither the model's nor the
     * encoder's.
     *
     * @param coeff weight; 0.5 as published
     * @param blocks blocks of the model that learn
     * @param encoderBlocks blocks of the encoder that they follow, one for each
     * @param weight how the weight changes over the run; HASTE stops
     */
    public record Attention(
            @NonNegative @Default("0.5") double coeff,
            @Positive List<Integer> blocks,
            @Positive List<Integer> encoderBlocks,
            @Inline LossSchedule weight) {
        /** @throws IllegalArgumentException if there is no pair, or a block without the other */
        public Attention {
            blocks = List.copyOf(blocks);
            encoderBlocks = List.copyOf(encoderBlocks);
            if (blocks.isEmpty() || blocks.size() != encoderBlocks.size()) {
                throw new IllegalArgumentException(
                        "encoderBlocks must name one block for each of blocks " + blocks + " but was " + encoderBlocks);
            }
        }

        /** Checks that all patches are there in the blocks that learn. */
        private void requireWhole(SubsetConfig subset, int depth) {
            SubsetPlacement placement = subset.placement();
            if (placement == SubsetPlacement.NONE || placement == SubsetPlacement.LOSS_ONLY) {
                return;
            }
            boolean routes = placement == SubsetPlacement.ROUTE;
            List<Integer> partial = blocks;
            if (routes) {
                SubsetConfig.Route route = subset.route().in(depth); // counted from 0
                partial = blocks.stream()
                        .filter(block -> block > route.routeStart() && block <= route.routeEnd() + 1)
                        .toList();
            }
            if (!partial.isEmpty()) {
                throw new IllegalArgumentException("terms.attention compares the attention of all patches, but with"
                        + " subset.placement " + placement + " some are missing in blocks " + partial
                        + ": choose subset.placement NONE or LOSS_ONLY, "
                        + (routes ? "blocks outside of the route, " : "") + "or take the term away");
            }
        }

        /**
         * Checks that an encoder gives what the term looks at.
         *
         * @param encoder null if its tokens come with the data
         * @param heads attention heads of the model
         * @throws IllegalArgumentException if it does not; says what to choose
         */
        void requireServed(@Nullable RepresentationEncoder encoder, int heads) {
            if (encoder == null) {
                throw new IllegalArgumentException(
                        "terms.attention needs the encoder itself while it trains, but the data bring its tokens alone:"
                                + " choose encoder.kind NATIVE or EMBEDDED over data with pictures, or take the term away");
            }
            AttentionSize given = encoder.attention()
                    .orElseThrow(
                            () -> new IllegalArgumentException(
                                    "terms.attention needs an encoder that hands out its attention, which this one does not:"
                                            + " choose encoder.kind NATIVE (published weights) or EMBEDDED, or take the term away"));
            try {
                given.require(encoderBlocks);
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException("terms.attention.encoderBlocks: " + e.getMessage(), e);
            }
            if (given.heads() > heads) {
                throw new IllegalArgumentException(
                        "terms.attention needs a model with a head for each of the encoder's "
                                + given.heads() + ", but model.numHeads was " + heads
                                + ": choose a model with more heads or an encoder with fewer, or take the term away");
            }
        }
    }

    /**
     * {@code coeff · (1 − mean cos(head(h_block(x_t, t)), stop(h̄_teacherBlock(x_t', t'))))} with h̄ of the moving average and
     * {@code t' = max(0, t − maxTimeOffset · u)}, u ~ U[0, 1), for the same noise and the same dropped labels; see
     * {@link io.github.maskalign.core.align.AuxiliaryLoss#selfAlignment}. The head, D → 2D → D, belongs to the model as
     * {@code ap_head}, the name in the authors' checkpoints.
     *
     * @param coeff weight; 0.5 as in the authors' code
     * @param block the block that learns; 8 of 28 as published
     * @param teacherBlock the block of the moving average that it follows; 20 of 28
     * @param maxTimeOffset how much less noise the average may see, in [0, 1]; 0.2 as published
     * @param legacyTokenCosine whether the cosine is that of a channel's values at all tokens, as in the authors' code
     *     with its loss {@code cos}, where {@code F.cosine_similarity} is not told the axis; a run of that code is only
     *     repeated with it. The paper's numbers are of a smooth L1 loss and need neither
     * @param weight how the weight changes over the run
     */
    public record SelfAlign(
            @NonNegative @Default("0.5") double coeff,
            @Positive int block,
            @Positive int teacherBlock,

            @Range(min = 0, max = 1) @Default("0.2") double maxTimeOffset,

            @Default("false") boolean legacyTokenCosine,
            @Inline LossSchedule weight) {
        /** @throws IllegalArgumentException if the teacher's block does not come later, or the offset is no time */
        public SelfAlign {
            if (block >= teacherBlock) {
                throw new IllegalArgumentException(
                        "teacherBlock must be a block behind block " + block + " but was " + teacherBlock);
            }
            if (!(maxTimeOffset >= 0 && maxTimeOffset <= 1)) {
                throw new IllegalArgumentException("maxTimeOffset must be in [0, 1] but was " + maxTimeOffset);
            }
        }
    }

    /**
     * {@code coeff · mean((x̂ − z)²)} over the dropped patches, see
     * {@link io.github.maskalign.core.align.AuxiliaryLoss#maskedPatches}: z is the noised patch, normalised, and x̂ the clean
     * sample that the predicted velocity points back to, x̂ = x_t − t v̂ on the linear path ({@link
     * io.github.maskalign.core.diffusion.Interpolant#clean}). MaskDiT's own network predicts it directly, as EDM's denoiser.
     * A step that drops no patch has no such loss.
     *
     * @param coeff weight; 0.1 as published
     * @param weight how the weight changes over the run
     */
    public record Mae(
            @NonNegative @Default("0.1") double coeff,
            @Inline LossSchedule weight) {}

    /**
     * A second group of channels, behind the latent's in input and output: an encoder's patch tokens in few channels ({@link
     * io.github.maskalign.core.data.FeatureBasis}), bilinearly enlarged to the latent's size, noised at the same t.
     * {@code coeff · mean((v̂_f − v*_f)²)} over the group is added to the loss of the latent's own channels, which is their mean
     * alone. Source: ReDi, {@code transport.py}; REGLUE (arXiv 2512.16636), {@code loss.py}.
     *
     * @param channels channels C_f of the group; 8 in ReDi, 16 in REGLUE
     * @param coeff weight; 1 as published
     * @param drop probability that a step does without the features: the whole batch has zeros in their place, so that the model
     *     sees their noise alone, and their loss is off; 0.2 as ReDi published, for guidance of kind NO_FEATURES; REGLUE has 0
     * @param weight how the weight changes over the run
     * @param stages a factor of the weight that changes at some steps; REGLUE's XL has such
     * @param source what of the encoder the features are made from
     */
    public record Features(
            @Range(min = 1, max = SiTConfig.ModelConfig.MOST_WIDTH) @Default("8")
            int channels,

            @NonNegative @Default("1.0") double coeff,

            @Range(min = 0, max = 1, maxExclusive = true) @Default("0.2")
            double drop,

            @Inline LossSchedule weight,
            @Inline LossStages stages,
            @Inline FeatureSource source) {
        /** @throws IllegalArgumentException if a number is out of its range */
        public Features {
            SiTConfig.ModelConfig.within("terms.features.channels", channels, 1, SiTConfig.ModelConfig.MOST_WIDTH);
            if (!(coeff >= 0 && Double.isFinite(coeff))) {
                throw new IllegalArgumentException("terms.features.coeff must be at least 0 but was " + coeff);
            }
            if (!(drop >= 0 && drop < 1)) {
                throw new IllegalArgumentException("terms.features.drop must be in [0, 1) but was " + drop);
            }
        }

        /** Features of the encoder's last block, whose weight follows its course alone. */
        public Features(int channels, double coeff, double drop, LossSchedule weight) {
            this(channels, coeff, drop, weight, LossStages.NONE, FeatureSource.LAST_BLOCK);
        }

        /** Features as ReDi has them, in so many channels. */
        public static Features of(int channels) {
            return new Features(channels, 1, 0.2, LossSchedule.ALWAYS);
        }

        private double weight(Context context) {
            return context.featuresDropped() ? 0 : coeff * context.factor(weight) * stages.at(context.step());
        }
    }

    /** Whether there is no term. */
    public boolean isEmpty() {
        return equals(NONE);
    }

    /**
     * Checks the terms against a model.
     *
     * @param depth its blocks
     * @param hasEncoder whether there is an encoder
     * @param subset where patches are dropped
     * @throws IllegalArgumentException for a block that the model lacks, or a term that its subset leaves without meaning
     */
    void requireFits(int depth, boolean hasEncoder, SubsetConfig subset) {
        layerSync.ifPresent(term -> requireNoAuto("layerSync", term.weight()));
        dispersive.ifPresent(term -> requireNoAuto("dispersive", term.weight()));
        contrastive.ifPresent(term -> requireNoAuto("contrastive", term.weight()));
        layerSync.ifPresent(term -> within("terms.layerSync.target", term.target(), depth));
        dispersive.ifPresent(term -> within("terms.dispersive.block", term.block(), depth));
        selfAlign.ifPresent(term -> requireNoAuto("selfAlign", term.weight()));
        mae.ifPresent(term -> requireNoAuto("mae", term.weight()));
        features.ifPresent(term -> requireNoAuto("features", term.weight()));
        selfAlign.ifPresent(term -> within("terms.selfAlign.teacherBlock", term.teacherBlock(), depth));
        if (selfAlign.isPresent() && layerSync.map(LayerSync::block).equals(selfAlign.map(SelfAlign::block))) {
            throw new IllegalArgumentException("terms.layerSync and terms.selfAlign both let block "
                    + selfAlign.get().block() + " follow a later one: take one of them away, or choose another block");
        }
        if (selfAlign.isPresent() && subset.placement() == SubsetPlacement.SPARSE) {
            throw new IllegalArgumentException("terms.selfAlign needs a teacher that sees all tokens in one path, which"
                    + " subset.placement SPARSE has not: choose another placement, or take the term away");
        }
        attention.ifPresent(term -> {
            term.blocks().forEach(block -> within("terms.attention.blocks", block, depth));
            if (!hasEncoder) {
                throw new IllegalArgumentException(
                        "terms.attention needs an encoder: enable align or cls, or take the term away");
            }
            term.requireWhole(subset, depth);
        });
    }

    private static void requireNoAuto(String term, LossSchedule course) {
        if (course.schedule() == Course.AUTO) {
            throw new IllegalArgumentException(
                    "terms." + term + ".schedule must not be AUTO, by which alignment with an"
                            + " encoder stops: align.schedule and terms.attention.schedule may be");
        }
    }

    private static void within(String key, int block, int depth) {
        if (block > depth) {
            throw new IllegalArgumentException(key + " must be at most model.depth, " + depth + ", but was " + block);
        }
    }

    /** Returns the weight of a term at a step, with its sign. */
    double weight(String name, Context context) {
        return switch (name) {
            case "layerSync" ->
                layerSync.map(t -> t.coeff() * context.factor(t.weight())).orElse(0.0);
            case "dispersive" ->
                dispersive.map(t -> t.coeff() * context.factor(t.weight())).orElse(0.0);
            case "contrastive" ->
                contrastive.map(t -> -t.coeff() * context.factor(t.weight())).orElse(0.0);
            case "attention" ->
                attention.map(t -> t.coeff() * context.factor(t.weight())).orElse(0.0);
            case "selfAlign" ->
                selfAlign.map(t -> t.coeff() * context.factor(t.weight())).orElse(0.0);
            case "mae" -> mae.map(t -> t.coeff() * context.factor(t.weight())).orElse(0.0);
            case "features" -> features.map(t -> t.weight(context)).orElse(0.0);
            default -> throw new IllegalArgumentException("no term is called " + name);
        };
    }

    /** Returns the blocks whose hidden tokens are looked at, ascending. */
    List<Integer> taps(int depth) {
        TreeSet<Integer> taps = new TreeSet<>();
        layerSync.ifPresent(term -> taps.addAll(List.of(term.block(), term.target())));
        dispersive.ifPresent(term -> taps.add(term.block() == 0 ? depth : term.block()));
        return new ArrayList<>(taps);
    }

    /** Returns the blocks whose attention is looked at at a step. */
    List<Integer> attentionTaps(Context context) {
        return attention
                .filter(term -> context.factor(term.weight()) > 0)
                .map(Attention::blocks)
                .orElse(List.of());
    }
}
