package io.github.maskalign.sit.run.internal;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.StrictJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A result that {@code evaluate --out} wrote.
 *
 * @param file its name
 * @param samples what was scored
 * @param features whose features they are
 * @param scores the numbers
 * @param warnings what to mind
 */
public record ScoreFile(String file, String samples, String features, List<Score> scores, List<String> warnings) {
    /**
     * One number.
     *
     * @param title name of the metric
     * @param value its value
     * @param error its error; NaN if there is none
     * @param errorIs what kind of error
     */
    record Score(String title, double value, double error, String errorIs) {}

    /** {@return the result} @throws IOException if the file is none of these, with its name */
    public static ScoreFile read(Path file) throws IOException {
        if (Files.isDirectory(file)) {
            throw new CheckpointFormatException(file, "is a folder and no result of 'maskalign evaluate --out'");
        }
        try {
            JsonObject all = StrictJson.read(file);
            List<Score> scores = new ArrayList<>();
            for (String id : all.getAsJsonObject("metrics").keySet()) {
                JsonObject one = all.getAsJsonObject("metrics").getAsJsonObject(id);
                JsonElement error = one.get("error");
                scores.add(new Score(
                        one.get("title").getAsString(),
                        one.get("value").getAsDouble(),
                        error == null || error.isJsonNull() ? Double.NaN : error.getAsDouble(),
                        one.get("error_is").getAsString()));
            }
            List<String> warnings = new ArrayList<>();
            all.getAsJsonArray("warnings").forEach(warning -> warnings.add(warning.getAsString()));
            return new ScoreFile(
                    String.valueOf(file.getFileName()),
                    all.getAsJsonObject("samples").get("path").getAsString(),
                    all.getAsJsonObject("features").get("name").getAsString(),
                    scores,
                    warnings);
        } catch (CheckpointFormatException e) {
            throw new CheckpointFormatException(file, "is no JSON and no result of 'maskalign evaluate --out'", e);
        } catch (IllegalStateException
                | NullPointerException
                | ClassCastException
                | UnsupportedOperationException
                | NumberFormatException e) {
            throw new CheckpointFormatException(file, "is no result of 'maskalign evaluate --out'", e);
        }
    }
}
