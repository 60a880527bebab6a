package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Inline;
import io.github.maskalign.core.config.ConfigKey.Range;
import io.github.maskalign.sit.SiTConfig.ModelConfig;
import io.github.maskalign.sit.SiTVariant;
import java.util.Optional;

/**
 * {@link ModelConfig} as files say it, where a published variant may stand for sizes of one's own.
 *
 * @param variant such as {@code SiT-B/2}; without it patchSize, hiddenSize, depth and numHeads must be given
 * @param inputSize side of the latent
 * @param inChannels channels of the latent
 * @param numClasses number of classes
 * @param classDropoutProb probability that a label is dropped in training
 * @param qkNorm whether q and k are normalised
 * @param mlpRatio MLP width over token width
 * @param sizes sizes of one's own
 */
public record ModelSection(
        @Default("null") Optional<SiTVariant> variant,
        @Range(min = 1, max = 8192) int inputSize,
        @Range(min = 1, max = 65_536) int inChannels,
        @Range(min = 1, max = 1 << 24) int numClasses,
        @Range(min = 0, max = 1, maxExclusive = true) double classDropoutProb,
        @Default("false") boolean qkNorm,

        @Range(min = 0, minExclusive = true, max = 256) @Default("4.0")
        double mlpRatio,

        @Inline Sizes sizes) {

    /**
     * What a variant says.
     *
     * @param patchSize patch side
     * @param hiddenSize token width
     * @param depth number of blocks
     * @param numHeads attention heads
     */
    public record Sizes(
            @Default("null") Optional<Integer> patchSize,
            @Default("null") Optional<Integer> hiddenSize,
            @Default("null") Optional<Integer> depth,
            @Default("null") Optional<Integer> numHeads) {}

    /** Checks that there is either a variant or all sizes. */
    public ModelSection {
        boolean all = sizes.patchSize.isPresent()
                && sizes.hiddenSize.isPresent()
                && sizes.depth.isPresent()
                && sizes.numHeads.isPresent();
        boolean any = sizes.patchSize.isPresent()
                || sizes.hiddenSize.isPresent()
                || sizes.depth.isPresent()
                || sizes.numHeads.isPresent();
        if (variant.isPresent() && any) {
            throw new IllegalArgumentException(
                    "variant already says patchSize, hiddenSize, depth and numHeads; leave these or the variant out");
        }
        if (variant.isEmpty() && !all) {
            throw new IllegalArgumentException(
                    "variant must be given, or else all of patchSize, hiddenSize, depth and numHeads");
        }
    }

    /** Returns the sizes, whichever way they were given. */
    ModelConfig resolved() {
        return new ModelConfig(
                inputSize,
                variant.map(SiTVariant::patchSize).orElseGet(sizes.patchSize::orElseThrow),
                inChannels,
                variant.map(SiTVariant::hiddenSize).orElseGet(sizes.hiddenSize::orElseThrow),
                variant.map(SiTVariant::depth).orElseGet(sizes.depth::orElseThrow),
                variant.map(SiTVariant::numHeads).orElseGet(sizes.numHeads::orElseThrow),
                mlpRatio,
                numClasses,
                classDropoutProb,
                qkNorm);
    }
}
