package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.config.Default;
import io.github.maskalign.core.config.Range;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTVariant;
import java.util.Optional;

/**
 * Size and input of the transformer: a published variant, or sizes of one's own.
 *
 * @param variant such as {@code SiT-B/2}; without it patchSize, hiddenSize, depth and numHeads must be given
 * @param inputSize side of the latent
 * @param inChannels channels of the latent
 * @param numClasses number of classes
 * @param classDropoutProb probability that a label is dropped in training
 * @param qkNorm whether q and k are normalised
 * @param mlpRatio MLP width over token width
 * @param patchSize patch side
 * @param hiddenSize token width
 * @param depth number of blocks
 * @param numHeads attention heads
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

        @Default("null") Optional<Integer> patchSize,
        @Default("null") Optional<Integer> hiddenSize,
        @Default("null") Optional<Integer> depth,
        @Default("null") Optional<Integer> numHeads) {

    /** Checks that there is either a variant or all sizes. */
    public ModelSection {
        boolean all = patchSize.isPresent() && hiddenSize.isPresent() && depth.isPresent() && numHeads.isPresent();
        boolean any = patchSize.isPresent() || hiddenSize.isPresent() || depth.isPresent() || numHeads.isPresent();
        if (variant.isPresent() && any) {
            throw new IllegalArgumentException(
                    "variant already says patchSize, hiddenSize, depth and numHeads; leave these or the variant out");
        }
        if (variant.isEmpty() && !all) {
            throw new IllegalArgumentException(
                    "variant must be given, or else all of patchSize, hiddenSize, depth and numHeads");
        }
    }

    /** Returns the plain transformer these sizes describe. */
    SiTConfig plain() {
        SiTConfig config = SiTConfig.of(
                inputSize,
                variant.map(SiTVariant::patchSize).orElseGet(patchSize::orElseThrow),
                inChannels,
                variant.map(SiTVariant::hiddenSize).orElseGet(hiddenSize::orElseThrow),
                variant.map(SiTVariant::depth).orElseGet(depth::orElseThrow),
                variant.map(SiTVariant::numHeads).orElseGet(numHeads::orElseThrow),
                numClasses);
        return config.withOptions(mlpRatio, classDropoutProb, qkNorm, false);
    }
}
