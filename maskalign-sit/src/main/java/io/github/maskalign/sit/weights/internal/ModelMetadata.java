package io.github.maskalign.sit.weights.internal;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.align.TokenMixer.MixerConfig.Bottleneck;
import io.github.maskalign.core.align.TokenMixer.MixerConfig.Conditioning;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.StrictJson;
import io.github.maskalign.sit.LossTerms;
import io.github.maskalign.sit.LossTerms.Features;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTConfig.AlignConfig;
import io.github.maskalign.sit.SiTConfig.AlignConfig.ProjectorKind;
import io.github.maskalign.sit.weights.ModelSettings;
import io.github.maskalign.sit.weights.WeightsFamily;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a file of weights says about itself: {@code family}, {@code path}, {@code learn_sigma}, {@code time_convention},
 * {@code mixer}, {@code cls}, {@code depth}, {@code step}, and {@code config}, the model as JSON under the names of the
 * official projects. Snapshots of a run say the same through the settings of the run, see {@link ModelSettings}.
 */
public final class ModelMetadata {
    static final String FAMILY = "family";
    static final String TIME = "time_convention";
    public static final String PATH = "path";
    public static final String STEP = "step";
    public static final String SOURCE = "source_family";
    public static final String LATENT_MEAN = "latent_mean";
    public static final String LATENT_STD = "latent_std";
    private static final String CONFIG = "config";
    private static final String PROCESS = "process";
    private static final int MOST_TEXT = 1 << 16;

    private ModelMetadata() {}

    /** Returns the texts of a file with this model's weights. */
    public static Map<String, String> of(WeightsFamily family, TimeConvention time, SiTConfig config) {
        Map<String, String> out = new LinkedHashMap<>();
        out.put(FAMILY, family.id());
        out.put(TIME, time.id());
        out.put("learn_sigma", Boolean.toString(config.learnSigma()));
        out.put("mixer", Integer.toString(config.mixer().layers()));
        out.put("cls", Integer.toString(config.classTokenWidth()));
        out.put("depth", Integer.toString(config.model().depth()));
        out.put(CONFIG, json(config).toString());
        return out;
    }

    /** Returns the axis a file names, if it names one. */
    public static Optional<TimeConvention> time(Map<String, String> metadata) {
        String id = metadata.get(TIME);
        for (TimeConvention time : TimeConvention.values()) {
            if (time.id().equals(id)) {
                return Optional.of(time);
            }
        }
        return Optional.empty();
    }

    /** Returns the model a file describes; empty if it describes none, or not well. Its tensors decide what fits. */
    public static Optional<SiTConfig> config(Map<String, String> metadata) {
        try {
            String text = metadata.get(CONFIG);
            if (text != null && text.length() <= MOST_TEXT) {
                return Optional.of(fromJson(StrictJson.parse(Path.of(CONFIG), "the text", text)));
            }
            return ModelSettings.find(metadata);
        } catch (CheckpointFormatException
                | IllegalStateException
                | IllegalArgumentException
                | ArithmeticException
                | UnsupportedOperationException e) {
            return Optional.empty();
        }
    }

    private static JsonObject json(SiTConfig config) {
        JsonObject json = new JsonObject();
        json.addProperty("input_size", config.model().inputSize());
        json.addProperty("patch_size", config.model().patchSize());
        json.addProperty("in_channels", config.model().inChannels());
        json.addProperty("hidden_size", config.model().hiddenSize());
        json.addProperty("depth", config.model().depth());
        json.addProperty("num_heads", config.model().numHeads());
        json.addProperty("mlp_ratio", config.model().mlpRatio());
        json.addProperty("num_classes", config.model().numClasses());
        json.addProperty("class_dropout_prob", config.model().classDropoutProb());
        json.addProperty("qk_norm", config.model().qkNorm());
        json.addProperty("encoder_depth", config.align().depth());
        JsonArray widths = new JsonArray();
        config.encoderWidths().forEach(widths::add);
        json.add("z_dims", widths);
        json.addProperty("projector_dim", config.align().projectorDim());
        if (!config.align().depths().isEmpty()) {
            JsonArray depths = new JsonArray();
            config.align().depths().forEach(depths::add);
            json.add("encoder_depths", depths);
        }
        if (config.align().projector() == ProjectorKind.CONV) {
            json.addProperty("projector_kernel", config.align().kernel());
        }
        json.addProperty("cls_dim", config.classTokenWidth());
        MixerConfig mixer = config.mixer();
        json.addProperty("mixer_layers", mixer.layers());
        if (mixer.layers() > 0) {
            json.addProperty("mixer_width", mixer.width());
            json.addProperty("mixer_heads", mixer.heads());
            json.addProperty("mixer_mlp_ratio", mixer.mlpRatio());
            json.addProperty("mixer_conditioning", mixer.conditioning().name());
            if (mixer.bottleneck() != Bottleneck.RESIDUAL) {
                json.addProperty("mixer_bottleneck", mixer.bottleneck().name());
            }
        }
        if (config.featureChannels() > 0) {
            json.addProperty("feature_channels", config.featureChannels());
        }
        if (config.subset().placement() == SubsetPlacement.SPARSE) {
            json.addProperty("sparse_dense", config.subset().sparse().dense());
        }
        if (config.subset().placement() == SubsetPlacement.MASKED_PASS) {
            json.addProperty("long_skip_decoder", config.subset().sparse().dense());
        }
        if (config.process() == Process.DDPM) {
            json.addProperty(PROCESS, config.process().name());
        }
        config.subset().decoder().ifPresent(decoder -> {
            json.addProperty("decoder_layers", decoder.layers());
            json.addProperty("decoder_width", decoder.width());
            json.addProperty("decoder_heads", decoder.heads());
        });
        return json;
    }

    private static SiTConfig fromJson(JsonObject json) {
        List<Integer> widths = new ArrayList<>();
        for (JsonElement z : element(json, "z_dims").getAsJsonArray()) {
            widths.add(z.getAsInt());
        }
        int layers = integer(json, "mixer_layers");
        MixerConfig mixer = layers == 0
                ? MixerConfig.NONE
                : new MixerConfig(
                        layers,
                        json.has("mixer_width") ? integer(json, "mixer_width") : 0,
                        json.has("mixer_heads") ? integer(json, "mixer_heads") : 0,
                        json.has("mixer_mlp_ratio") ? number(json, "mixer_mlp_ratio") : 4,
                        json.has("mixer_conditioning")
                                ? Conditioning.valueOf(
                                        element(json, "mixer_conditioning").getAsString())
                                : Conditioning.ADALN_ZERO,
                        json.has("mixer_bottleneck")
                                ? Bottleneck.valueOf(
                                        element(json, "mixer_bottleneck").getAsString())
                                : Bottleneck.RESIDUAL);
        SiTConfig config = SiTConfig.of(
                        integer(json, "input_size"),
                        integer(json, "patch_size"),
                        integer(json, "in_channels"),
                        integer(json, "hidden_size"),
                        integer(json, "depth"),
                        integer(json, "num_heads"),
                        integer(json, "num_classes"))
                .withOptions(
                        number(json, "mlp_ratio"),
                        json.has("class_dropout_prob") ? number(json, "class_dropout_prob") : 0.1,
                        json.has("qk_norm") && element(json, "qk_norm").getAsBoolean(),
                        false)
                .withClassToken(integer(json, "cls_dim"))
                .withAlignment(integer(json, "encoder_depth"), integer(json, "projector_dim"), widths)
                .withMixer(mixer);
        if (json.has("decoder_layers")) {
            config = config.withSubset(config.subset()
                    .withDecoder(
                            integer(json, "decoder_layers"),
                            integer(json, "decoder_width"),
                            integer(json, "decoder_heads")));
        }
        if (json.has("feature_channels")) {
            config = config.withTerms(LossTerms.NONE.withFeatures(Features.of(integer(json, "feature_channels"))));
        }
        if (json.has("sparse_dense")) {
            config = config.withSparse(integer(json, "sparse_dense"), 0);
        }
        if (json.has("long_skip_decoder")) {
            config = config.withSubset(config.subset().withSparse(integer(json, "long_skip_decoder"), 0))
                    .withPlacement(SubsetPlacement.MASKED_PASS, 0, 0);
        }
        if (json.has(PROCESS)) {
            config = config.withProcess(Process.valueOf(element(json, PROCESS).getAsString()));
        }
        AlignConfig align = config.align();
        if (json.has("encoder_depths")) {
            List<Integer> depths = new ArrayList<>();
            element(json, "encoder_depths").getAsJsonArray().forEach(depth -> depths.add(depth.getAsInt()));
            align = align.withDepths(depths);
        }
        return config.withAlignment(
                json.has("projector_kernel")
                        ? align.withProjector(ProjectorKind.CONV, integer(json, "projector_kernel"))
                        : align);
    }

    private static int integer(JsonObject json, String key) {
        return element(json, key).getAsInt();
    }

    private static double number(JsonObject json, String key) {
        return element(json, key).getAsDouble();
    }

    private static JsonElement element(JsonObject json, String key) {
        JsonElement value = json.get(key);
        if (value == null) {
            throw new IllegalArgumentException("config has no key " + key);
        }
        return value;
    }
}
