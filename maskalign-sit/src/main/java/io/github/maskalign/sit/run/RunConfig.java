package io.github.maskalign.sit.run;

import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Inline;
import io.github.maskalign.core.diffusion.DiffusionConfig;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.train.OptimConfig;
import io.github.maskalign.core.train.TrainConfig;
import io.github.maskalign.sit.SiTConfig.AlignConfig;
import io.github.maskalign.sit.SiTConfig.ClassTokenConfig;
import io.github.maskalign.sit.run.internal.DataSection;
import io.github.maskalign.sit.run.internal.EncoderSection;
import io.github.maskalign.sit.run.internal.EvaluateSection;
import io.github.maskalign.sit.run.internal.ModelSection;
import io.github.maskalign.sit.run.internal.RuntimeSection;

/**
 * A whole experiment. The method is a matter of switches: SiT has {@code align} and {@code cls} off; REPA has
 * {@code align} on; REG has {@code cls} on as well; MaskAlign adds {@code mixer} and {@code subset}.
 *
 * @param name name of the experiment; names the run folder
 * @param seed run seed; every random number follows from it
 * @param model size and input of the transformer
 * @param data what it is trained on
 * @param method what is learnt, and how
 * @param optim optimiser, clipping, moving average, learning rate
 * @param train length of the run, batch, saving
 * @param runtime device, precision, logging and previews: nothing that decides the mathematics
 * @param sample how previews and final samples are drawn
 * @param evaluate scores of samples while the run goes on
 */
public record RunConfig(
        String name,
        long seed,
        ModelSection model,
        DataSection data,
        @Inline Method method,
        OptimConfig optim,
        TrainConfig train,
        RuntimeSection runtime,
        SamplerConfig sample,
        @Default("{}") EvaluateSection evaluate) {

    /**
     * The sections that tell the family's methods apart.
     *
     * @param diffusion path between data and noise, and how timesteps are drawn
     * @param align representation alignment
     * @param encoder where the clean-image tokens come from
     * @param cls jointly generated class token
     * @param mixer token mixer before tokens are dropped
     * @param subset which tokens are kept, and where they leave and return
     */
    public record Method(
            DiffusionConfig diffusion,
            AlignConfig align,
            EncoderSection encoder,
            ClassTokenConfig cls,
            MixerConfig mixer,
            SubsetConfig subset) {}

    /** Checks what joins several sections. */
    public RunConfig {
        if (!name.matches("[A-Za-z0-9][A-Za-z0-9._-]*")) {
            throw new IllegalArgumentException("name must be letters, digits, '.', '_' and '-' but was " + name);
        }
        AlignConfig align = method.align;
        EncoderSection encoder = method.encoder;
        ClassTokenConfig cls = method.cls;
        boolean needsEncoder = align.enabled() || cls.enabled();
        if (needsEncoder == (encoder.kind() == EncoderSection.Kind.NONE)) {
            throw new IllegalArgumentException(
                    needsEncoder
                            ? "encoder.kind must not be NONE while align or cls is enabled"
                            : "encoder.kind must be NONE while align and cls are disabled but was " + encoder.kind());
        }
        if (encoder.kind() == EncoderSection.Kind.CACHED && data.kind() != DataSection.Kind.LATENTS) {
            throw new IllegalArgumentException(
                    "encoder.kind CACHED needs prepared latents, but data.kind was " + data.kind());
        }
        if (cls.enabled() && method.diffusion.path() != Interpolant.LINEAR) {
            throw new IllegalArgumentException(
                    "diffusion.path must be LINEAR with a class token but was " + method.diffusion.path());
        }
        if (evaluate.every() > 0
                && data.kind() == DataSection.Kind.LATENTS
                && data.vae().isEmpty()) {
            throw new IllegalArgumentException(
                    "data.vae must name an autoencoder while evaluate.every is above 0, as latents of "
                            + model.inChannels() + " channels are no pictures");
        }
        if (sample.legacyGuidedChannels() > model.inChannels()) {
            throw new IllegalArgumentException("sample.legacyGuidedChannels must be at most model.inChannels, "
                    + model.inChannels() + ", or 0 for all channels, but was " + sample.legacyGuidedChannels());
        }
        if (method.mixer.layers() > 0 && method.subset.placement() == SubsetPlacement.LOSS_ONLY) {
            throw new IllegalArgumentException(
                    "mixer.layers must be 0 with subset.placement LOSS_ONLY but was " + method.mixer.layers());
        }
    }

    /** The path between data and noise, and how timesteps are drawn. */
    public DiffusionConfig diffusion() {
        return method.diffusion;
    }

    /** Representation alignment. */
    public AlignConfig align() {
        return method.align;
    }

    /** Where the clean-image tokens come from. */
    public EncoderSection encoder() {
        return method.encoder;
    }

    /** The jointly generated class token. */
    public ClassTokenConfig cls() {
        return method.cls;
    }

    /** The token mixer before tokens are dropped. */
    public MixerConfig mixer() {
        return method.mixer;
    }

    /** Which tokens are kept, and where they leave and return. */
    public SubsetConfig subset() {
        return method.subset;
    }
}
