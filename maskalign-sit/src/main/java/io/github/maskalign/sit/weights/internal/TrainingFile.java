package io.github.maskalign.sit.weights.internal;

import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import io.github.maskalign.core.files.AtomicFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/**
 * {@code training.json}, what a run folder that a program made says of its run: {@code steps}, {@code batch} and {@code
 * settings}, by the keys of configs.
 */
public final class TrainingFile {
    /** Name of the file in a run folder. */
    public static final String NAME = "training.json";

    public static final String STEPS = "steps";
    public static final String BATCH = "batch";
    public static final String SETTINGS = "settings";

    private TrainingFile() {}

    /** Writes or replaces the file of a run folder. */
    public static void write(Path folder, long steps, int batch, Map<String, String> settings) throws IOException {
        JsonObject json = new JsonObject();
        json.addProperty(STEPS, steps);
        json.addProperty(BATCH, batch);
        JsonObject all = new JsonObject();
        new TreeMap<>(settings).forEach(all::addProperty);
        json.add(SETTINGS, all);
        String text = new GsonBuilder()
                        .setPrettyPrinting()
                        .disableHtmlEscaping()
                        .create()
                        .toJson(json) + "\n";
        AtomicFile.write(folder.resolve(NAME), text.getBytes(StandardCharsets.UTF_8));
    }
}
