package io.github.maskalign.sit.run.internal;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigWriter;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.StrictJson;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.weights.internal.TrainingFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What status and reports say of a run: of its config, or if a program made it, of what the program set.
 *
 * @param name name of the experiment
 * @param steps steps of the whole run
 * @param batch samples of a step
 * @param seed what its random numbers follow from
 * @param space the features that its scores are in; empty if nobody says
 * @param method name of the method that the switches make
 * @param model the model in words
 * @param settings all settings, {@code section.key} to value
 * @param text all settings as they are written
 */
public record RunFacts(
        String name,
        long steps,
        int batch,
        long seed,
        String space,
        String method,
        String model,
        Map<String, String> settings,
        String text) {
    private static final String HASTE = "HASTE";

    /** What people call terms of the loss, by their keys. */
    private static final Map<String, String> TERMS = terms();

    private static Map<String, String> terms() {
        Map<String, String> names = new LinkedHashMap<>();
        names.put("layerSync", "LayerSync");
        names.put("dispersive", "dispersive loss");
        names.put("contrastive", "CFM");
        names.put("attention", HASTE);
        names.put("selfAlign", "SRA");
        names.put("mae", "MAE");
        return names;
    }

    /** Copies the map. */
    public RunFacts {
        settings = Collections.unmodifiableMap(new LinkedHashMap<>(settings));
    }

    /**
     * Reads those of a run folder.
     *
     * @throws NoSuchFileException if the folder holds no run
     * @throws CheckpointFormatException if what a program set cannot be read
     */
    public static RunFacts read(Path folder) throws IOException {
        Path config = folder.resolve("config.yaml");
        if (Files.exists(config)) {
            return of(ConfigBinder.bind(config, List.of(), RunConfig.class).value());
        }
        Path training = folder.resolve(TrainingFile.NAME);
        if (!Files.exists(training)) {
            throw new NoSuchFileException(
                    config.toString(),
                    null,
                    "no run in this folder: neither config.yaml of a command nor " + TrainingFile.NAME
                            + " of a program's SiTTraining with a folder");
        }
        return ofProgram(folder, training);
    }

    private static RunFacts of(RunConfig config) {
        String model = config.model()
                .variant()
                .map(variant -> variant.name().replace('_', '/').toUpperCase(Locale.ROOT))
                .map(name -> "SiT-" + name)
                .orElseGet(() -> inWords(
                        config.model().sizes().depth().orElse(0),
                        config.model().sizes().hiddenSize().orElse(0),
                        config.model().sizes().patchSize().orElse(0)));
        String text = ConfigWriter.yaml(config);
        Map<String, String> settings = ConfigWriter.settings(config);
        String method = method(config.align().enabled(), config.cls().enabled(), settings);
        return new RunFacts(
                config.name(),
                config.train().steps(),
                config.train().globalBatch(),
                config.seed(),
                RunEvaluation.encoder(config).spaceName(),
                method,
                model,
                settings,
                text);
    }

    private static RunFacts ofProgram(Path folder, Path file) throws IOException {
        JsonObject json = StrictJson.read(file);
        try {
            Map<String, String> settings = new LinkedHashMap<>();
            StringBuilder text = new StringBuilder();
            for (Map.Entry<String, JsonElement> entry :
                    json.getAsJsonObject(TrainingFile.SETTINGS).entrySet()) {
                settings.put(entry.getKey(), entry.getValue().getAsString());
                text.append(entry.getKey())
                        .append(": ")
                        .append(entry.getValue().getAsString())
                        .append('\n');
            }
            String model = inWords(
                    integer(settings, "model.depth"),
                    integer(settings, "model.hiddenSize"),
                    integer(settings, "model.patchSize"));
            String method =
                    method("true".equals(settings.get("align.enabled")), integer(settings, "cls.width") > 0, settings);
            long steps = json.get(TrainingFile.STEPS).getAsLong();
            int batch = json.get(TrainingFile.BATCH).getAsInt();
            if (steps < 1 || batch < 1) {
                throw new IllegalArgumentException(
                        "steps and batch must be at least 1 but were " + steps + " and " + batch);
            }
            String name = String.valueOf(folder.toAbsolutePath().normalize().getFileName());
            long seed = Long.parseLong(settings.getOrDefault("seed", "0"));
            return new RunFacts(name, steps, batch, seed, "", method, model, settings, text.toString());
        } catch (RuntimeException e) {
            throw new CheckpointFormatException(
                    file.toString(), List.of("does not describe a training: " + e.getMessage()));
        }
    }

    private static int integer(Map<String, String> settings, String key) {
        return Integer.parseInt(settings.getOrDefault(key, "0"));
    }

    private static String inWords(int depth, int width, int patch) {
        return String.format(Locale.ROOT, "SiT, depth %d, width %d, patch %d", depth, width, patch);
    }

    private static String method(boolean align, boolean cls, Map<String, String> settings) {
        SubsetPlacement placement = SubsetPlacement.valueOf(settings.getOrDefault("subset.placement", "NONE"));
        boolean mixes = integer(settings, "mixer.layers") > 0;
        boolean convolves = "CONV".equals(settings.get("align.projector"));
        String base = cls ? "REG" : !align ? "SiT" : convolves ? "iREPA" : "REPA";
        List<String> terms = new ArrayList<>();
        TERMS.forEach((key, name) -> {
            if (settings.keySet().stream().anyMatch(setting -> setting.startsWith("terms." + key + "."))) {
                terms.add(name);
            }
        });
        boolean plain = !align && !cls;
        if (placement == SubsetPlacement.DROP
                && mixes
                && plain
                && "NORMALISED".equals(settings.get("mixer.bottleneck"))) {
            return with("MicroDiT", terms);
        }
        if (placement == SubsetPlacement.DROP && mixes && align) {
            return with(cls ? "MaskAlign" : "REPA + MaskAlign", terms);
        }
        if (plain && placement == SubsetPlacement.DROP_REINSERT && terms.remove(TERMS.get("mae"))) {
            return with("MaskDiT", terms);
        }
        if (placement == SubsetPlacement.MASKED_PASS) {
            return with("MDTv2", terms);
        }
        if (plain && placement == SubsetPlacement.SPARSE) {
            return with("SPRINT", terms);
        }
        if (plain && placement == SubsetPlacement.ROUTE && !mixes) {
            return with("TREAD", terms);
        }
        boolean alone = placement == SubsetPlacement.NONE && terms.size() == 1;
        if (alone && (plain ? !terms.contains(HASTE) : base.equals("REPA") && terms.contains(HASTE))) {
            return terms.get(0);
        }
        String dropping = placement == SubsetPlacement.NONE ? "" : ", " + placement + (mixes ? " with mixer" : "");
        return with(base, terms) + dropping;
    }

    private static String with(String method, List<String> terms) {
        return terms.isEmpty() ? method : method + " + " + String.join(" + ", terms);
    }
}
