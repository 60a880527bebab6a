package io.github.maskalign.examples.report;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Everything in a {@code stats.jsonl}.
 *
 * @param curves by name; steps rise, and of records with the same step the last one counts
 * @param damaged number of lines that are no record; a running process may be writing the last line
 */
public record StatsFile(Map<String, Curve> curves, int damaged) {
    /**
     * Reads the file, which a running training may be writing; there are no curves if there is no file.
     *
     * @throws IOException if it cannot be read
     */
    public static StatsFile read(Path file) throws IOException {
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

    /** Returns the curves with these names, in their order, as far as there are any. */
    public List<Curve> curves(Collection<String> names) {
        return names.stream().filter(curves::containsKey).map(curves::get).toList();
    }

    private static boolean collect(String line, Map<String, SortedMap<Double, Double>> points) {
        try {
            JsonObject record = JsonParser.parseString(line).getAsJsonObject();
            JsonElement number = record.get("step");
            if (number == null || !number.isJsonPrimitive()) {
                return false;
            }
            double step = number.getAsDouble();
            for (Map.Entry<String, JsonElement> entry : record.entrySet()) {
                if (!entry.getKey().equals("step") && entry.getValue().isJsonPrimitive()) {
                    double value = entry.getValue().getAsDouble();
                    points.computeIfAbsent(entry.getKey(), name -> new TreeMap<>())
                            .put(step, value);
                }
            }
            return true;
        } catch (JsonParseException | IllegalStateException | NumberFormatException e) {
            return false;
        }
    }
}
