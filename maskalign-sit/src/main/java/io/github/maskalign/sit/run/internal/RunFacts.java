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
        String method = method(
                config.align().enabled(),
                config.cls().enabled(),
                config.subset().placement(),
                config.mixer().layers());
        return new RunFacts(
                config.name(),
                config.train().steps(),
                config.train().globalBatch(),
                config.seed(),
                RunEvaluation.encoder(config).spaceName(),
                method,
                model,
                ConfigWriter.settings(config),
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
            String method = method(
                    "true".equals(settings.get("align.enabled")),
                    integer(settings, "cls.width") > 0,
                    SubsetPlacement.valueOf(settings.getOrDefault("subset.placement", "NONE")),
                    integer(settings, "mixer.layers"));
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

    private static String method(boolean align, boolean cls, SubsetPlacement placement, int mixerLayers) {
        String base = cls ? "REG" : align ? "REPA" : "SiT";
        if (placement == SubsetPlacement.NONE) {
            return base;
        }
        if (placement == SubsetPlacement.DROP && mixerLayers > 0 && align) {
            return cls ? "MaskAlign" : "REPA + MaskAlign";
        }
        return base + ", " + placement + (mixerLayers > 0 ? " with mixer" : "");
    }
}
