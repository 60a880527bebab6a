package io.github.maskalign.examples.report.html;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import io.github.maskalign.examples.report.Curve;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Everything in a {@code stats.jsonl}.
 *
 * @param curves by name; steps rise, and of records with the same step the last one counts
 * @param damaged number of lines that are no record; a running process may be writing the last line
 */
record StatsFile(Map<String, Curve> curves, int damaged) {
    static StatsFile read(Path file) throws IOException {
        Map<String, SortedMap<Double, Double>> points = new TreeMap<>();
        int damaged = 0;
        if (Files.exists(file)) {
            // a reader that replaces broken characters, which the last line may hold while it is being written
            try (BufferedReader lines =
                    new BufferedReader(new InputStreamReader(Files.newInputStream(file), StandardCharsets.UTF_8))) {
                for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                    damaged += collect(line, points) ? 0 : 1;
                }
            }
        }
        Map<String, Curve> curves = new TreeMap<>();
        points.forEach((name, values) -> curves.put(
                name,
                new Curve(
                        name,
                        values.keySet().stream().mapToDouble(d -> d).toArray(),
                        values.values().stream().mapToDouble(d -> d).toArray())));
        return new StatsFile(curves, damaged);
    }

    private static boolean collect(String line, Map<String, SortedMap<Double, Double>> points) {
        try {
            JsonObject record = JsonParser.parseString(line).getAsJsonObject();
            double step = record.get("step").getAsDouble();
            for (Map.Entry<String, JsonElement> entry : record.entrySet()) {
                if (!entry.getKey().equals("step") && entry.getValue().isJsonPrimitive()) {
                    points.computeIfAbsent(entry.getKey(), name -> new TreeMap<>())
                            .put(step, entry.getValue().getAsDouble());
                }
            }
            return true;
        } catch (JsonParseException | IllegalStateException | NumberFormatException | NullPointerException e) {
            return false;
        }
    }
}
