package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.align.SubsetConfig.SubsetSchedule;
import io.github.maskalign.core.config.ConfigWriter;
import io.github.maskalign.core.data.PixelScaling;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.RunConfig.DataSection;
import io.github.maskalign.sit.weights.ModelSettings;
import io.github.maskalign.sit.weights.WeightsFamily;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What a config comes to: the model, and the settings that make a run this run. */
public final class RunPlan {
    /** Sections and keys that change no draw, and a weight by its rounding at most: a run may go on with others. */
    private static final Set<String> FREE = Set.of(
            "name",
            "train.steps",
            "train.accumulation",
            "train.activationCheckpointing",
            "train.saveEvery",
            "train.keepLast",
            "train.keepEvery",
            "train.asyncSave",
            "train.snapshotEvery",
            "train.maxSkippedInRow",
            "train.maxSkipped",
            "train.maxFailedSaves",
            "train.saveWaitSeconds",
            "data.cache",
            "data.path",
            "data.vae",
            "data.statistics", // what it holds is part of the data's identity
            "data.pixels",
            "data.imagesFolder",
            "data.latentsFolder",
            "data.readAhead",
            "terms.features.reduction", // as above
            "encoder.trust",
            "terms.endToEnd.vgg", // hashes of these three files are part of the identity
            "terms.endToEnd.lpips",
            "terms.endToEnd.discriminator");

    /** Keys that may be given a value when a run goes on: a hash is pinned, which changes no number. */
    public static final Set<String> ADDABLE = Set.of("encoder.sha256");

    private static final Set<String> FREE_SECTIONS = Set.of("runtime", "sample", "evaluate");

    private RunPlan() {}

    /**
     * Returns the model of a config.
     *
     * @throws IllegalArgumentException if the sections do not fit together
     */
    public static SiTConfig model(RunConfig config) {
        SiTConfig latent = SiTConfig.of(config.model().resolved());
        SiTConfig plain =
                config.method().terms().features().map(latent::withFeatures).orElse(latent);
        int width = config.encoder().width();
        List<Integer> widths =
                config.encoders().stream().map(RunConfig.EncoderSection::width).toList();
        if (widths.size() == 1) { // which serves all depths
            widths = Collections.nCopies(Math.max(1, config.align().depths().size()), width);
        }
        boolean aligns = config.align().enabled(); // where it is off, its depth need not fit
        SiTConfig model = new SiTConfig(
                plain.model(),
                aligns ? config.align() : plain.align(),
                config.cls(),
                config.mixer(),
                config.subset(),
                aligns ? widths : List.of(),
                config.cls().enabled() ? width : 0,
                config.diffusion().process() == Process.DDPM,
                config.method().terms(),
                config.diffusion().process());
        config.subset().requireTokensLeft(model.tokens());
        return model;
    }

    /** Returns of how many of the encoder's blocks the tokens are joined, for features that are made from them. */
    public static int lastBlocks(RunConfig config) {
        return config.method()
                .terms()
                .features()
                .map(features -> features.source().lastBlocks())
                .orElse(1);
    }

    /**
     * Returns how values become bytes in pictures of a run: as its config says, otherwise to the nearest level where
     * pixels are the latents, which is exact, and by the rule of the method's project where they are decoded.
     */
    static PixelScaling pixels(RunConfig config) {
        DataSection data = config.data();
        boolean redi =
                config.method().terms().features().isPresent() && !config.cls().enabled(); // whose project rounds
        return data.pixels()
                .orElseGet(() -> data.kind() != DataSection.Kind.LATENTS || redi
                        ? PixelScaling.ROUND
                        : WeightsFamily.find(ModelSettings.family(model(config)))
                                .orElseThrow()
                                .pixels());
    }

    /** Returns every setting that changes the numbers, by its key path. */
    public static Map<String, String> settings(RunConfig config) {
        Map<String, String> out = new LinkedHashMap<>(ConfigWriter.settings(config));
        out.keySet().removeIf(key -> FREE.contains(key) || FREE_SECTIONS.contains(key.split("\\.")[0]));
        out.remove("optim.extraEmaDecays", "[]"); // runs from before there was such a key go on
        ModelSettings.leaveOutLater(out);
        out.remove("data.flip", "false"); // as above
        out.remove("data.multiplier", "1.0");
        out.remove("data.space", "PIXELS");
        out.remove("data.classes", "[]");
        out.put("runtime.precision", config.runtime().precision().name());
        if (config.subset().dropping().schedule() != SubsetSchedule.CONSTANT
                || config.subset().dropping().hasTail()) {
            out.put("train.steps", Long.toString(config.train().steps())); // the ratio of a step depends on it
        }
        return out;
    }
}
