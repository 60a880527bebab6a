package io.github.maskalign.sit.weights;

import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.align.TokenMixer.MixerConfig.Bottleneck;
import io.github.maskalign.core.align.TokenMixer.MixerConfig.Conditioning;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.sit.LossTerms.Features;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTConfig.AlignConfig;
import io.github.maskalign.sit.SiTConfig.AlignConfig.ProjectorKind;
import io.github.maskalign.sit.SiTVariant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A model as settings of a run, under the keys of configs: {@code model.depth}, {@code align.depth},
 * {@code mixer.layers}, ... Snapshots carry the settings of their run, so a run that has these among its own (see
 * {@link io.github.maskalign.core.train.RunIdentity}) writes snapshots that {@link SiTWeights} understands without help.
 */
public final class ModelSettings {
    private static final String DENSE = "2";

    private static final Map<String, String> LATER = Map.ofEntries(
            Map.entry("diffusion.timeShift", "1.0"),
            Map.entry("diffusion.process", "FLOW"),
            Map.entry("diffusion.tRange", "[0.0, 1.0]"),
            Map.entry("align.depths", "[]"),
            Map.entry("moreEncoders", "[]"),
            Map.entry("align.projector", "MLP"),
            Map.entry("align.kernel", "3"),
            Map.entry("align.spatialNorm", "null"),
            Map.entry("align.schedule", "CONSTANT"),
            Map.entry("align.until", "0"),
            Map.entry("subset.float32AfterRoute", "false"),
            Map.entry("mixer.bottleneck", "RESIDUAL"),
            Map.entry("subset.unmaskedTailShare", "0.0"),
            Map.entry("subset.pattern", "RANDOM"),
            Map.entry("subset.dense", DENSE),
            Map.entry("subset.pathDrop", "0.1"),
            Map.entry("subset.decoder", "null"),
            Map.entry("terms.layerSync", "null"),
            Map.entry("terms.dispersive", "null"),
            Map.entry("terms.contrastive", "null"),
            Map.entry("terms.attention", "null"),
            Map.entry("terms.selfAlign", "null"),
            Map.entry("terms.mae", "null"),
            Map.entry("terms.features", "null"),
            Map.entry("terms.minSnr", "0.0"),
            Map.entry("optim.kind", "ADAMW"),
            Map.entry("optim.beta3", "0.99"),
            Map.entry("terms.features.factorSteps", "[]"),
            Map.entry("terms.features.factors", "[]"),
            Map.entry("terms.features.lastBlocks", "1"),
            Map.entry("terms.endToEnd", "null"),
            Map.entry("terms.autoStop.every", "1000"),
            Map.entry("terms.autoStop.inRow", "1"));

    private static final String SETTING = "config.";
    private static final String PROCESS = "diffusion.process";
    private static final String FEATURES = "terms.features.channels";

    private final Map<String, String> metadata;

    private ModelSettings(Map<String, String> metadata) {
        this.metadata = metadata;
    }

    /**
     * Returns the method that a model is made for: {@code sit}, {@code repa}, {@code repa-e}, {@code reg} or {@code maskalign}, {@code
     * mdtv2} for blocks with long skips, and {@code dit} for all others that predict noise.
     */
    public static String family(SiTConfig config) {
        if (config.subset().placement() == SubsetPlacement.MASKED_PASS) {
            return "mdtv2";
        }
        if (config.process() == Process.DDPM) {
            return "dit";
        }
        if (config.mixer().layers() > 0 || config.subset().placement() != SubsetPlacement.NONE) {
            return "maskalign";
        }
        if (config.terms().endToEnd().isPresent()) {
            return "repa-e";
        }
        return config.hasClassToken() ? "reg" : config.encoderWidths().isEmpty() ? "sit" : "repa";
    }

    /**
     * Takes away keys that earlier releases did not have, where they have the value that those went by: runs and files of
     * before are the same then.
     */
    public static void leaveOutLater(Map<String, String> settings) {
        LATER.forEach(settings::remove);
    }

    /** Returns the settings of a model. */
    public static Map<String, String> of(SiTConfig config) {
        Map<String, String> out = new TreeMap<>();
        out.put("model.inputSize", Integer.toString(config.model().inputSize()));
        out.put("model.patchSize", Integer.toString(config.model().patchSize()));
        out.put("model.inChannels", Integer.toString(config.latentChannels()));
        if (config.featureChannels() > 0) {
            out.put(FEATURES, Integer.toString(config.featureChannels()));
        }
        out.put("model.hiddenSize", Integer.toString(config.model().hiddenSize()));
        out.put("model.depth", Integer.toString(config.model().depth()));
        out.put("model.numHeads", Integer.toString(config.model().numHeads()));
        out.put("model.numClasses", Integer.toString(config.model().numClasses()));
        out.put("model.mlpRatio", Double.toString(config.model().mlpRatio()));
        out.put("model.classDropoutProb", Double.toString(config.model().classDropoutProb()));
        out.put("model.qkNorm", Boolean.toString(config.model().qkNorm()));
        boolean aligned = !config.encoderWidths().isEmpty();
        out.put("align.enabled", Boolean.toString(aligned));
        if (aligned) {
            out.put("align.depth", Integer.toString(config.align().depth()));
            if (!config.align().depths().isEmpty()) {
                out.put("align.depths", config.align().depths().toString());
            }
            if (config.align().projector() == ProjectorKind.CONV) {
                out.put("align.projector", config.align().projector().name());
                out.put("align.kernel", Integer.toString(config.align().kernel()));
            }
            out.put("align.projectorDim", Integer.toString(config.align().projectorDim()));
        }
        MixerConfig mixer = config.mixer();
        out.put("mixer.layers", Integer.toString(mixer.layers()));
        out.put("mixer.width", Integer.toString(mixer.width()));
        out.put("mixer.heads", Integer.toString(mixer.heads()));
        out.put("mixer.mlpRatio", Double.toString(mixer.mlpRatio()));
        out.put("mixer.conditioning", mixer.conditioning().name());
        if (mixer.bottleneck() != Bottleneck.RESIDUAL) {
            out.put("mixer.bottleneck", mixer.bottleneck().name());
        }
        out.put("subset.placement", config.subset().placement().name());
        if (config.subset().placement() == SubsetPlacement.SPARSE) {
            out.put("subset.dense", Integer.toString(config.subset().sparse().dense()));
            out.put("subset.pathDrop", Double.toString(config.subset().sparse().pathDrop()));
        }
        if (config.subset().placement() == SubsetPlacement.MASKED_PASS) {
            out.put("subset.dense", Integer.toString(config.subset().sparse().dense()));
        }
        if (config.process() == Process.DDPM) {
            out.put(PROCESS, config.process().name());
        }
        config.subset().decoder().ifPresent(decoder -> {
            out.put("subset.decoder.layers", Integer.toString(decoder.layers()));
            out.put("subset.decoder.width", Integer.toString(decoder.width()));
            out.put("subset.decoder.heads", Integer.toString(decoder.heads()));
        });
        return out;
    }

    /**
     * Reads what a snapshot says: {@code config.model.variant}, {@code config.align.depth}, ... Widths of encoders and
     * class token, and norms of queries and keys, are left to the tensors.
     *
     * @return empty if the snapshot names no model
     * @throws IllegalArgumentException if it names half a one
     */
    public static Optional<SiTConfig> find(Map<String, String> metadata) {
        ModelSettings all = new ModelSettings(metadata);
        if (all.text("model.inputSize") == null) {
            return Optional.empty();
        }
        @Nullable String variant = all.text("model.variant");
        SiTVariant size = variant == null ? null : SiTVariant.ofId(variant);
        SiTConfig config = SiTConfig.of(
                        all.integer("model.inputSize"),
                        size == null ? all.integer("model.patchSize") : size.patchSize(),
                        all.integer("model.inChannels"),
                        size == null ? all.integer("model.hiddenSize") : size.hiddenSize(),
                        size == null ? all.integer("model.depth") : size.depth(),
                        size == null ? all.integer("model.numHeads") : size.numHeads(),
                        all.integer("model.numClasses"))
                .withOptions(all.number("model.mlpRatio"), all.number("model.classDropoutProb"), false, false);
        if ("true".equals(all.text("align.enabled"))) {
            config = config.withAlignment(all.integer("align.depth"), all.integer("align.projectorDim"), List.of());
            config = config.withAlignment(all.projectors(config.align()));
        }
        if (all.text(FEATURES) != null) {
            config = config.withFeatures(Features.of(all.integer(FEATURES)));
        }
        int layers = all.integer("mixer.layers");
        if (layers > 0) {
            String bottleneck = all.text("mixer.bottleneck");
            config = config.withMixer(new MixerConfig(
                    layers,
                    all.integer("mixer.width"),
                    all.integer("mixer.heads"),
                    all.number("mixer.mlpRatio"),
                    Conditioning.valueOf(String.valueOf(all.text("mixer.conditioning"))),
                    Bottleneck.valueOf(bottleneck == null ? Bottleneck.RESIDUAL.name() : bottleneck)));
        }
        if (all.text("subset.decoder.layers") != null) {
            config = config.withSubset(config.subset()
                    .withDecoder(
                            all.integer("subset.decoder.layers"),
                            all.integer("subset.decoder.width"),
                            all.integer("subset.decoder.heads")));
        }
        if (SubsetPlacement.SPARSE.name().equals(all.text("subset.placement"))) {
            config = config.withSparse(all.dense(), 0);
        }
        if (SubsetPlacement.MASKED_PASS.name().equals(all.text("subset.placement"))) {
            config = config.withSubset(config.subset().withSparse(all.dense(), 0))
                    .withPlacement(SubsetPlacement.MASKED_PASS, 0, 0);
        }
        return Optional.of(Process.DDPM.name().equals(all.text(PROCESS)) ? config.withProcess(Process.DDPM) : config);
    }

    /** What earlier releases did not write, and this one not where it is as they had it. */
    private AlignConfig projectors(AlignConfig align) {
        String depths = text("align.depths");
        String kernel = text("align.kernel");
        AlignConfig placed = depths == null
                ? align
                : align.withDepths(
                        Arrays.stream(depths.replaceAll("[\\[\\] ]", "").split(","))
                                .filter(number -> !number.isEmpty())
                                .map(Integer::valueOf)
                                .toList());
        return ProjectorKind.CONV.name().equals(text("align.projector"))
                ? placed.withProjector(ProjectorKind.CONV, kernel == null ? placed.kernel() : Integer.parseInt(kernel))
                : placed;
    }

    private int dense() {
        String dense = text("subset.dense");
        return Integer.parseInt(dense == null ? DENSE : dense);
    }

    private @Nullable String text(String key) {
        String value = metadata.get(SETTING + key);
        if (value == null || value.equals("null")) {
            return null;
        }
        return value.replaceAll("^[\"']|[\"']$", "");
    }

    private int integer(String key) {
        return Integer.parseInt(String.valueOf(text(key)));
    }

    private double number(String key) {
        return Double.parseDouble(String.valueOf(text(key)));
    }
}
