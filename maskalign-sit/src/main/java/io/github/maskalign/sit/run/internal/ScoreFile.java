package io.github.maskalign.sit.run.internal;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.maskalign.core.evaluate.FeatureExtractor.FeatureSpace;
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
 * @param protocol fingerprint of how they were made; empty if the file does not say it
 * @param scores the numbers
 * @param warnings what to mind
 */
public record ScoreFile(
        String file, String samples, String features, String protocol, List<Score> scores, List<String> warnings) {
    /**
     * One number.
     *
     * @param id its name in files
     * @param title name of the metric
     * @param value its value
     * @param error its error; NaN if there is none
     * @param errorIs what kind of error
     */
    record Score(String id, String title, double value, double error, String errorIs) {}

    /** {@return the result} @throws IOException if the file is none of these, with its name */
    public static ScoreFile read(Path file) throws IOException {
        if (Files.isDirectory(file)) {
            throw new CheckpointFormatException(file, "is a folder and no result of 'maskalign evaluate --out'");
        }
        try {
            JsonObject all = StrictJson.read(file);
            JsonObject features = all.getAsJsonObject("features");
            String name = features.get("name").getAsString();
            // a file that does not say so keeps its names
            boolean inception = !features.has("is_inception")
                    || features.get("is_inception").getAsBoolean();
            FeatureSpace space = new FeatureSpace(name, name, inception, 1, 0, 0);
            List<Score> scores = new ArrayList<>();
            for (String id : all.getAsJsonObject("metrics").keySet()) {
                JsonObject one = all.getAsJsonObject("metrics").getAsJsonObject(id);
                JsonElement error = one.get("error");
                scores.add(new Score(
                        ScoreId.ofResult(id, space),
                        one.get("title").getAsString(),
                        one.get("value").getAsDouble(),
                        error == null || error.isJsonNull() ? Double.NaN : error.getAsDouble(),
                        one.get("error_is").getAsString()));
            }
            List<String> warnings = new ArrayList<>();
            all.getAsJsonArray("warnings")
                    .forEach(warning -> warnings.add(ScoreId.inSentence(warning.getAsString(), space)));
            return new ScoreFile(
                    String.valueOf(file.getFileName()),
                    all.getAsJsonObject("samples").get("path").getAsString(),
                    name,
                    all.has("protocol")
                            ? all.getAsJsonObject("protocol").get("fingerprint").getAsString()
                            : "",
                    scores,
                    warnings);
        } catch (CheckpointFormatException e) {
            throw new CheckpointFormatException(file, "is no JSON and no result of 'maskalign evaluate --out'", e);
        } catch (IllegalStateException
                | NullPointerException
                | ClassCastException
                | UnsupportedOperationException
                | IllegalArgumentException e) {
            throw new CheckpointFormatException(file, "is no result of 'maskalign evaluate --out'", e);
        }
    }
}
