package io.github.maskalign.sit;

import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.NonNegative;
import io.github.maskalign.core.config.ConfigKey.Range;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.train.LossSchedule.Course;
import io.github.maskalign.sit.SiTConfig.AlignConfig;
import io.github.maskalign.sit.SiTConfig.ClassTokenConfig;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The autoencoder is trained along with the transformer, section {@code terms.endToEnd} of a config (REPA-E, arXiv 2504.10483).
 * Its latents are normalised by a batch norm without weights, whose running statistics belong to the model, {@code bn.running_mean}
 * and {@code bn.running_var}; see {@link EndToEndObjective} for the step.
 *
 * @param alignCoeff weight of the alignment in the autoencoder's loss, whose gradient leaves the transformer as it is; 1.5 as
 *     published, beside align.coeff 0.5 of the transformer's own
 * @param perceptual weight of LPIPS in the autoencoder's loss; it needs vgg and lpips, and is left out without them
 * @param kl weight of the distance of its latents from a standard normal distribution
 * @param gan weight of the discriminator's verdict; 0 does without discriminator
 * @param momentum share of a batch in the running statistics
 * @param vgg file with the weights of torchvision's VGG-16
 * @param lpips file with the five linear layers of LPIPS for it
 * @param discriminator file with the weights that the discriminator starts with; fresh ones unless given
 */
public record EndToEnd(
        @NonNegative @Default("1.5") double alignCoeff,
        @NonNegative @Default("1.0") double perceptual,
        @NonNegative @Default("1.0e-6") double kl,
        @NonNegative @Default("0.1") double gan,

        @Range(min = 0, minExclusive = true, max = 1) @Default("0.1")
        double momentum,

        @Default("null") Optional<Path> vgg,
        @Default("null") Optional<Path> lpips,
        @Default("null") Optional<Path> discriminator) {
    /** What is added to the variance of latents before they are divided by its root. */
    public static final double EPS = 1e-4;

    /** As published, but for LPIPS, whose weights come from files. */
    public static final EndToEnd PUBLISHED =
            new EndToEnd(1.5, 1, 1e-6, 0.1, 0.1, Optional.empty(), Optional.empty(), Optional.empty());

    /** @throws IllegalArgumentException if a number is out of its range, or only one of LPIPS' two files is named */
    public EndToEnd {
        requireWeight("alignCoeff", alignCoeff);
        requireWeight("perceptual", perceptual);
        requireWeight("kl", kl);
        requireWeight("gan", gan);
        if (!(momentum > 0 && momentum <= 1)) {
            throw new IllegalArgumentException("terms.endToEnd.momentum must be in (0, 1] but was " + momentum);
        }
        if (vgg.isPresent() != lpips.isPresent()) {
            throw new IllegalArgumentException("terms.endToEnd.vgg and lpips go together, the network and its"
                    + " linear layers, which may be in one file; but were "
                    + vgg.map(Path::toString).orElse("null")
                    + " and " + lpips.map(Path::toString).orElse("null"));
        }
        if (discriminator.isPresent() && gan == 0) {
            throw new IllegalArgumentException(
                    "terms.endToEnd.discriminator must be null with gan 0 but was " + discriminator.get());
        }
    }

    private static void requireWeight(String key, double weight) {
        if (!(weight >= 0 && Double.isFinite(weight))) {
            throw new IllegalArgumentException("terms.endToEnd." + key + " must be at least 0 but was " + weight);
        }
    }

    /**
     * Checks that a model can be trained so.
     *
     * @throws IllegalArgumentException names the part that has no place, and what to choose
     */
    static void requireFits(
            AlignConfig align,
            ClassTokenConfig cls,
            MixerConfig mixer,
            SubsetConfig subset,
            LossTerms terms,
            Process process) {
        if (terms.endToEnd().isEmpty()) {
            return;
        }
        require(
                align.enabled(),
                "align.enabled must be true with terms.endToEnd, as alignment is what trains the autoencoder for the"
                        + " model, but was false");
        require(
                align.weight().schedule() != Course.AUTO,
                "align.schedule must not be AUTO with terms.endToEnd, whose losses have gradients of their own");
        require(
                terms.attention()
                        .filter(term -> term.weight().schedule() == Course.AUTO)
                        .isEmpty(),
                "terms.attention.schedule must not be AUTO with terms.endToEnd, whose losses have gradients of their own");
        require(!cls.enabled(), "cls.enabled must be false with terms.endToEnd but was true");
        require(
                subset.placement() == SubsetPlacement.NONE && mixer.layers() == 0,
                "subset.placement must be NONE and mixer.layers 0 with terms.endToEnd, but were " + subset.placement()
                        + " and " + mixer.layers());
        require(process == Process.FLOW, "diffusion.process must be FLOW with terms.endToEnd but was " + process);
        require(
                terms.features().isEmpty(),
                "terms.features and terms.endToEnd exclude each other: take one of them away");
        require(
                terms.selfAlign().isEmpty(),
                "terms.selfAlign and terms.endToEnd exclude each other: take one of them away");
    }

    private static void require(boolean holds, String rule) {
        if (!holds) {
            throw new IllegalArgumentException(rule);
        }
    }
}
