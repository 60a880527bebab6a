package io.github.maskalign.sit.run.internal;

import com.google.gson.FieldNamingPolicy;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.weights.ModelSettings;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The model of a config in numbers.
 *
 * @param name name of the experiment
 * @param family method
 * @param model sizes
 * @param tokens number of patch tokens
 * @param blockTokens sequence length inside the blocks while training, class token included
 * @param parameters numbers by part; {@code total} counts all, {@code without_projector} what sampling needs
 * @param flops floating point operations for one picture, see {@link ModelFlops}
 * @param method the method that file or command line name; null if they set the keys themselves
 */
public record ModelSummary(
        String name,
        String family,
        Map<String, Integer> model,
        int tokens,
        int blockTokens,
        Map<String, Long> parameters,
        Map<String, Long> flops,
        @Nullable Method method) {

    /**
     * A method by its name.
     *
     * @param id its name
     * @param summary what it is
     * @param paper where it comes from
     * @param settings what the keys that it sets came to
     */
    public record Method(String id, String summary, String paper, Map<String, String> settings) {}

    /** Counts without making a single array. */
    public static ModelSummary of(Bound<RunConfig> bound) {
        ModelSummary summary = of(bound.value());
        Method method = bound.preset()
                .map(preset -> new Method(preset.name(), preset.summary(), preset.paper(), bound.presetSettings()))
                .orElse(null);
        return new ModelSummary(
                summary.name,
                summary.family,
                summary.model,
                summary.tokens,
                summary.blockTokens,
                summary.parameters,
                summary.flops,
                method);
    }

    /** Counts without making a single array. */
    public static ModelSummary of(RunConfig run) {
        SiTConfig config = RunPlan.model(run);
        Map<String, Integer> sizes = new LinkedHashMap<>();
        sizes.put("input_size", config.model().inputSize());
        sizes.put("in_channels", config.model().inChannels());
        sizes.put("patch_size", config.model().patchSize());
        sizes.put("hidden_size", config.model().hiddenSize());
        sizes.put("depth", config.model().depth());
        sizes.put("num_heads", config.model().numHeads());
        sizes.put("num_classes", config.model().numClasses());
        sizes.put(
                "alignment_depth",
                config.encoderWidths().isEmpty() ? 0 : config.align().depth());
        sizes.put("class_token_width", config.classTokenWidth());
        sizes.put("mixer_layers", config.mixer().layers());
        boolean drops = config.subset().placement() == SubsetPlacement.DROP
                || config.subset().placement() == SubsetPlacement.DROP_REINSERT;
        int kept = drops
                ? run.subset()
                        .drawing()
                        .rounding()
                        .kept(config.tokens(), run.subset().dropping().ratio())
                : config.tokens();
        return new ModelSummary(
                run.name(),
                ModelSettings.family(config),
                sizes,
                config.tokens(),
                kept + (config.hasClassToken() ? 1 : 0),
                parameters(new SiT(config)),
                flops(ModelFlops.of(config)),
                null);
    }

    private static Map<String, Long> flops(ModelFlops counted) {
        Map<String, Long> flops = new LinkedHashMap<>();
        flops.put("forward", counted.forward());
        flops.put("step", counted.step());
        flops.put("sample", counted.sample());
        return flops;
    }

    /** Returns it as indented JSON. */
    public String toJson() {
        Gson gson = new GsonBuilder()
                .setPrettyPrinting()
                .disableHtmlEscaping()
                .setFieldNamingPolicy(FieldNamingPolicy.LOWER_CASE_WITH_UNDERSCORES)
                .create();
        return gson.toJson(this);
    }

    private static Map<String, Long> parameters(SiT model) {
        Map<String, Long> counts = new LinkedHashMap<>();
        counts.put("total", 0L);
        counts.put("without_projector", 0L);
        counts.put("trainable", 0L);
        counts.put("frozen", 0L);
        ParameterKeys.of(model).forEach((key, parameter) -> {
            long size = parameter.getShape().size();
            String part = part(key);
            counts.merge("total", size, Long::sum);
            counts.merge("without_projector", part.equals("projectors") ? 0 : size, Long::sum);
            counts.merge(parameter.requiresGradient() ? "trainable" : "frozen", size, Long::sum);
            counts.merge(part, size, Long::sum);
        });
        return counts;
    }

    private static String part(String key) {
        String first = key.split("\\.")[0];
        return first.equals("cls_projectors2") || first.equals("wg_norm") ? "class_token" : first;
    }
}
