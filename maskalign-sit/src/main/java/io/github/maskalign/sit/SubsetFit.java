package io.github.maskalign.sit;

import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;

/** Which blocks see a subset, and which terms of the loss it leaves a meaning. */
final class SubsetFit {
    private SubsetFit() {}

    /** Whether a block, counted from 1, sees the kept tokens alone. */
    static boolean sees(SubsetConfig subset, int block, int depth) {
        return switch (subset.placement()) {
            case NONE, LOSS_ONLY -> false;
            case ROUTE -> {
                SubsetConfig.Route route = subset.route().in(depth);
                yield block > route.routeStart() && block <= route.routeEnd() + 1;
            }
            case SPARSE -> subset.sparse().between(block - 1, depth);
            case MASKED_PASS -> block <= depth - subset.sparse().dense(); // in the second pass
            case DROP, DROP_REINSERT -> true;
        };
    }

    /** The blocks of MASKED_PASS are its own, and its second pass has no other term than that of the noise or the velocity. */
    static void requireMaskedPass(
            SiTConfig.ModelConfig model,
            SiTConfig.AlignConfig align,
            SiTConfig.ClassTokenConfig cls,
            MixerConfig mixer,
            SubsetConfig subset,
            LossTerms terms) {
        int dense = subset.sparse().dense();
        SiTConfig.ModelConfig.require(
                dense < model.depth() && (model.depth() - dense) % 2 == 0,
                "subset.dense, the decoder's blocks, must leave an even number of the " + model.depth()
                        + " blocks of model.depth to the encoder with placement MASKED_PASS",
                dense);
        String off = " must be off with subset.placement MASKED_PASS, whose blocks with long skips go without it";
        if (align.enabled() || cls.enabled() || mixer.layers() > 0 || model.qkNorm()) {
            throw new IllegalArgumentException((align.enabled()
                            ? "align.enabled"
                            : cls.enabled() ? "cls.enabled" : model.qkNorm() ? "model.qkNorm" : "mixer.layers")
                    + off);
        }
        if (!terms.withMinSnr(0).isEmpty()) {
            throw new IllegalArgumentException("terms other than minSnr" + off);
        }
    }

    static void requireMasked(SiTConfig.ModelConfig model, SubsetConfig subset) {
        if (subset.decoder().isEmpty()) {
            throw new IllegalArgumentException(
                    "terms.mae is about patches that a decoder paints in, but there is none: choose"
                            + " subset.placement DROP_REINSERT and a subset.decoder, or take the term away");
        }
        if (subset.dropping().ratio() == 0
                && subset.dropping().schedule() != SubsetConfig.SubsetSchedule.UNIFORM_RANGE) {
            throw new IllegalArgumentException(
                    "terms.mae is about patches that are dropped, but subset.ratio 0 drops none:"
                            + " choose a ratio above 0, or take the term away");
        }
        long values = (long) model.patchSize() * model.patchSize() * model.inChannels();
        SiTConfig.ModelConfig.require(
                values >= 2,
                "terms.mae needs patches of at least 2 numbers, model.patchSize² · model.inChannels,",
                values);
    }

    static void requireEqualTokens(SubsetConfig subset, LossTerms.LayerSync term, int depth) {
        boolean first = sees(subset, term.block(), depth);
        if (first != sees(subset, term.target(), depth)) {
            throw new IllegalArgumentException("terms.layerSync compares the tokens of block " + term.block()
                    + " with those of block " + term.target() + ", but with subset.placement " + subset.placement()
                    + " only block " + (first ? term.block() : term.target())
                    + " sees the kept tokens alone: choose two blocks that see the same tokens");
        }
    }

    /** A convolution needs the whole grid of patches and nothing else. */
    static void requireGrid(SiTConfig.ClassTokenConfig cls, SubsetPlacement placement) {
        if (cls.enabled()) {
            throw new IllegalArgumentException(
                    "align.projector CONV looks at the grid of patches, of which the class token is no part:"
                            + " choose cls.enabled false, or align.projector MLP");
        }
        if (placement != SubsetPlacement.NONE && placement != SubsetPlacement.LOSS_ONLY) {
            throw new IllegalArgumentException("align.projector CONV needs the whole grid, but with subset.placement "
                    + placement + " patches are missing at align.depth: choose subset.placement NONE or LOSS_ONLY, or"
                    + " align.projector MLP");
        }
    }

    /** Subsets are drawn for the model that they are given to, or one of the two would be ignored. */
    static void requireSame(SubsetConfig subset, SubsetConfig drawn, int depth) {
        if (drawn.placement() != subset.placement()) {
            throw new IllegalArgumentException(
                    "the model and its subsets must have the same placement, but the model has " + subset.placement()
                            + " and the subsets are drawn for " + drawn.placement());
        }
        if (!drawn.decoder().equals(subset.decoder())) {
            throw new IllegalArgumentException(
                    "the model and its subsets must have the same decoder, but the model has " + subset.decoder()
                            + " and the subsets are drawn for " + drawn.decoder());
        }
        boolean dense =
                subset.placement() == SubsetPlacement.SPARSE || subset.placement() == SubsetPlacement.MASKED_PASS;
        if (dense && !drawn.sparse().equals(subset.sparse())) {
            throw new IllegalArgumentException(
                    "the model and its subsets must have the same sparse path, but the model has " + subset.sparse()
                            + " and the subsets are drawn for " + drawn.sparse());
        }
        if (subset.placement() == SubsetPlacement.ROUTE) {
            SubsetConfig.Route other = drawn.route().in(depth);
            SubsetConfig.Route own = subset.route().in(depth);
            if (other.routeStart() != own.routeStart() || other.routeEnd() != own.routeEnd()) {
                throw new IllegalArgumentException(
                        "the model and its subsets must have the same route, but the model has "
                                + "blocks " + own.routeStart() + " to " + own.routeEnd()
                                + " and the subsets are drawn for "
                                + other.routeStart() + " to " + other.routeEnd());
            }
        }
    }
}
