package io.github.maskalign.examples;

import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.sample.Guidance;
import io.github.maskalign.core.sample.Guidance.Routes;
import io.github.maskalign.core.sample.Guidance.Unconditional;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import io.github.maskalign.sit.SiTConfig;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** How pictures are drawn, where it differs from what the config says. */
final class SamplerOptions {
    @Option(
            names = "--sampler",
            paramLabel = "NAME",
            description =
                    "One of: ${COMPLETION-CANDIDATES} (ode is EULER, sde EULER_MARUYAMA; DDPM and DDIM are for networks of"
                            + " diffusion.process DDPM, as DiT, and the others for the rest); that of the config unless given.")
    @Nullable
    SamplerMethod method;

    @Option(
            names = "--steps",
            paramLabel = "N",
            description = "Steps of the sampler; those of the config unless given.")
    @Nullable
    Integer steps;

    @Option(
            names = "--eta",
            paramLabel = "SHARE",
            description = "Share of DDPM's noise that DDIM adds, 0 to 1; that of the config, or 0, unless given.")
    @Nullable
    Double eta;

    @Option(
            names = "--cfg",
            paramLabel = "SCALE",
            description =
                    "Guidance scale w of v = v_u + w (v_c - v_u), for the class token too; 1 switches guidance off."
                            + " That of the config unless given.")
    @Nullable
    Double cfgScale;

    @Option(
            names = "--cls-cfg",
            paramLabel = "SCALE",
            description =
                    "Guidance scale of the class token alone, while the latent is guided (cls-cfg-scale of REG and"
                            + " MaskAlign); 0 takes its conditional velocity. That of --cfg or of the config unless given.")
    @Nullable
    Double classCfgScale;

    @Option(
            names = "--feature-cfg",
            paramLabel = "SCALE",
            description =
                    "Guidance scale of the features of a model that generates them beside the latent (ReDi), while the latent"
                            + " is guided; 0 takes their conditional velocity. That of the config, or 0, unless given.")
    @Nullable
    Double featureCfgScale;

    @Option(
            names = "--cfg-power",
            paramLabel = "S",
            description =
                    "Let guidance grow towards data: 1 + (w - 1) (1 - cos(pi (1 - t)^S)) / 2; 4 with --cfg 3.8 is MDT's."
                            + " That of the config, or 0, a constant scale, unless given.")
    @Nullable
    Double cfgPower;

    @Option(
            names = "--guided-channels",
            paramLabel = "N|all",
            description = {
                "Guide the first N channels of the latent, or all. That of the config, or all, unless given; 3 for files of",
                "willisma/SiT and facebookresearch/DiT, as their own samplers do."
            },
            converter = ChannelsConverter.class)
    @Nullable
    Integer guidedChannels;

    @Option(
            names = "--unconditional",
            paramLabel = "NAME",
            description = {
                "What guidance leads away from: ${COMPLETION-CANDIDATES} (the model without label, or without label and",
                "sparse path, for models with subset.placement SPARSE, or without features, for models that generate them).",
                "That of the config, or NULL_LABEL, unless given."
            })
    @Nullable
    Unconditional unconditional;

    @Option(
            names = "--interval",
            paramLabel = "LO,HI",
            description = "Times at which guidance acts; 0 is data, 1 is noise. That of the config unless given.",
            converter = Interval.Converter.class)
    @Nullable
    Interval interval;

    @Option(
            names = "--route-ratios",
            paramLabel = "R,WEAK",
            description = {
                "Guide between two shares of tokens that go round the route, 0.3,0.7 in TREAD, instead of between label",
                "and no label; for models trained with subset.placement ROUTE. As in the config unless given."
            },
            converter = RatiosConverter.class)
    @Nullable
    Routes routes;

    /**
     * The given settings with what these options change.
     *
     * @param own settings of the run, or those for weights of a family
     * @param model what is sampled
     */
    SamplerConfig over(SamplerConfig own, SiTConfig model) {
        SamplerMethod rule = method == null ? own.method() : method;
        Guidance usual = own.guidance();
        double w = cfgScale == null ? usual.cfgScale() : cfgScale;
        requireSense(w, model);
        requireProcess(rule, model);
        double classW = classCfgScale != null ? classCfgScale : cfgScale != null ? cfgScale : usual.classCfgScale();
        Interval when = interval == null ? new Interval(usual.intervalLow(), usual.intervalHigh()) : interval;
        int channels = guidedChannels == null ? usual.legacyGuidedChannels() : guidedChannels;
        Guidance guidance = new Guidance(
                        w, classW, when.low(), when.high(), w > 1 ? channels : 0, usual.unconditional(), usual.routes())
                .withFeatureCfgScale(featureCfgScale == null ? usual.featureCfgScale() : featureCfgScale)
                .withCfgPower(cfgPower == null ? usual.cfgPower() : cfgPower);
        return own.withMethod(rule, steps == null ? own.steps() : steps)
                .withEta(eta == null ? own.eta() : eta)
                .withGuidance(
                        routes != null
                                ? guidance.withRoutes(routes)
                                : guidance.withUnconditional(
                                        unconditional == null ? usual.unconditional() : unconditional));
    }

    /** Returns what a family's quirk does to the guidance, unless it was asked for. */
    Optional<String> quirk(SamplerConfig chosen, SiTConfig model) {
        int guided = chosen.guidance().legacyGuidedChannels();
        return guided == 0 || guidedChannels != null
                ? Optional.empty()
                : Optional.of("guidance acts on the first " + guided + " of "
                        + model.model().inChannels() + " channels, as in the project's own sampler, which its published"
                        + " scores with guidance need; --guided-channels all guides every channel");
    }

    private void requireProcess(SamplerMethod rule, SiTConfig model) {
        try {
            rule.requireFor(model.process());
        } catch (IllegalArgumentException e) {
            throw CommandFailure.badInput("--sampler: " + e.getMessage());
        }
        if (eta != null && rule != SamplerMethod.DDIM) {
            throw CommandFailure.badInput("--eta goes with --sampler DDIM, but it is " + rule);
        }
        if (model.process() == Process.DDPM && unconditional != null && unconditional != Unconditional.NULL_LABEL) {
            throw CommandFailure.badInput(
                    "--unconditional must be NULL_LABEL for networks of diffusion.process DDPM but was "
                            + unconditional);
        }
    }

    /** Refuses options that would do nothing, or name channels that there are not. */
    private void requireSense(double w, SiTConfig model) {
        if (classCfgScale != null && !model.hasClassToken()) {
            throw CommandFailure.badInput("--cls-cfg goes with a model that has a class token, as REG's and MaskAlign's"
                    + " have, but this one has none");
        }
        if (classCfgScale != null && w == 1) {
            throw CommandFailure.badInput(
                    "--cls-cfg acts while the latent is guided, so --cfg must be above 1 but was 1; give both");
        }
        if (routes != null && model.subset().placement() != SubsetPlacement.ROUTE) {
            throw CommandFailure.badInput(
                    "--route-ratios goes with a model that was trained with subset.placement ROUTE,"
                            + " but this one has no route");
        }
        if (routes != null && w == 1) {
            throw CommandFailure.badInput(
                    "--route-ratios act while the latent is guided, so --cfg must be above 1 but was 1; give both");
        }
        if (unconditional == Unconditional.PATH_DROP && model.subset().placement() != SubsetPlacement.SPARSE) {
            throw CommandFailure.badInput(
                    "--unconditional PATH_DROP goes with a model of subset.placement SPARSE, which has a"
                            + " path to drop, but this one has none; NULL_LABEL goes with every model");
        }
        if (unconditional == Unconditional.NO_FEATURES && model.featureChannels() == 0) {
            throw CommandFailure.badInput(
                    "--unconditional NO_FEATURES goes with a model that generates features beside the"
                            + " latent, as ReDi's do, but this one has none; NULL_LABEL goes with every model");
        }
        if (cfgPower != null && w == 1) {
            throw CommandFailure.badInput("--cfg-power lets guidance grow, so --cfg must be above 1 but was " + w);
        }
        if (featureCfgScale != null && (model.featureChannels() == 0 || w == 1)) {
            throw CommandFailure.badInput(
                    "--feature-cfg goes with a model that generates features, and acts while the latent"
                            + " is guided, so --cfg must be above 1; this model has " + model.featureChannels()
                            + " channels of features and --cfg is " + w);
        }
        if (guidedChannels != null && guidedChannels > model.model().inChannels()) {
            throw CommandFailure.badInput(
                    "--guided-channels must be at most " + model.model().inChannels()
                            + ", the channels of the model's latents, or all, but was " + guidedChannels);
        }
    }

    /** Reads a number of channels; {@code all} is 0. */
    static final class ChannelsConverter implements ITypeConverter<Integer> {
        @Override
        public Integer convert(String text) {
            if (text.equalsIgnoreCase("all")) {
                return 0;
            }
            try {
                int channels = Integer.parseInt(text);
                if (channels > 0) {
                    return channels;
                }
            } catch (NumberFormatException e) {
                // said below
            }
            throw new TypeConversionException("'" + text + "' is neither a number of channels above 0 nor all");
        }
    }

    /** Reads {@code R,WEAK}. */
    static final class RatiosConverter implements ITypeConverter<Routes> {
        @Override
        public Routes convert(String text) {
            String[] two = text.split(",", -1);
            if (two.length == 2) {
                try {
                    return new Routes(Double.parseDouble(two[0].strip()), Double.parseDouble(two[1].strip()));
                } catch (NumberFormatException e) {
                    // said below
                } catch (IllegalArgumentException e) {
                    throw new TypeConversionException(e.getMessage());
                }
            }
            throw new TypeConversionException("'" + text + "' is not a pair of ratios R,WEAK such as 0.3,0.7");
        }
    }

    /**
     * A closed interval of the time axis, written {@code LOW,HIGH}.
     *
     * @param low start in [0, 1]
     * @param high end in [low, 1]
     */
    record Interval(double low, double high) {
        /** All times. */
        static final Interval FULL = new Interval(0, 1);

        Interval {
            if (!(low >= 0 && low <= high && high <= 1)) {
                throw new IllegalArgumentException(
                        "an interval must lie within 0,1 and must not be reversed but was " + low + "," + high);
            }
        }

        @Override
        public String toString() {
            return low + "," + high;
        }

        /** Reads {@code LOW,HIGH}. */
        static final class Converter implements ITypeConverter<Interval> {
            @Override
            public Interval convert(String text) {
                String[] ends = text.split(",", -1);
                if (ends.length == 2) {
                    try {
                        return new Interval(Double.parseDouble(ends[0].strip()), Double.parseDouble(ends[1].strip()));
                    } catch (NumberFormatException e) {
                        // said below
                    } catch (IllegalArgumentException e) {
                        throw new TypeConversionException(e.getMessage());
                    }
                }
                throw new TypeConversionException("'" + text + "' is not an interval LOW,HIGH such as 0,0.7");
            }
        }
    }
}
