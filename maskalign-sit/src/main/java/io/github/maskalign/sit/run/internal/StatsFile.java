package io.github.maskalign.sit.run.internal;

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
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Everything in a {@code stats.jsonl}, in memory that does not grow with its length: see {@link Curve#extremes()}.
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
        Map<String, CurveWindows> windows = new TreeMap<>();
        int damaged = read(
                file,
                (name, step, value) ->
                        windows.computeIfAbsent(name, key -> new CurveWindows()).add(step, value));
        Map<String, Curve> curves = new TreeMap<>();
        for (String name : List.copyOf(windows.keySet())) { // frees each as it goes
            curves.put(name, Objects.requireNonNull(windows.remove(name)).curve(name));
        }
        return new StatsFile(curves, damaged);
    }

    /**
     * Returns all steps at which a quantity was recorded.
     *
     * @throws IOException if the file cannot be read
     */
    public static Set<Long> steps(Path file, String quantity) throws IOException {
        Set<Long> steps = new TreeSet<>();
        read(file, (name, step, value) -> {
            if (name.equals(quantity)) {
                steps.add(Math.round(step));
            }
        });
        return steps;
    }

    /** Returns the curves with these names, in their order, as far as there are any. */
    public List<Curve> curves(Collection<String> names) {
        return names.stream().filter(curves::containsKey).map(curves::get).toList();
    }

    /** Takes a value of a record. */
    private interface Visitor {
        void value(String name, double step, double value);
    }

    /** Returns the number of lines that are no record. */
    private static int read(Path file, Visitor visitor) throws IOException {
        if (!Files.exists(file)) {
            return 0;
        }
        int damaged = 0;
        // a reader that replaces broken characters, which the last line may hold while it is being written
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(Files.newInputStream(file), StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                damaged += collect(line, visitor) ? 0 : 1;
            }
        }
        return damaged;
    }

    private static boolean collect(String line, Visitor visitor) {
        try {
            JsonObject record = JsonParser.parseString(line).getAsJsonObject();
            JsonElement number = record.get("step");
            if (number == null || !number.isJsonPrimitive()) {
                return false;
            }
            double step = number.getAsDouble();
            for (Map.Entry<String, JsonElement> entry : record.entrySet()) {
                if (!entry.getKey().equals("step") && entry.getValue().isJsonPrimitive()) {
                    visitor.value(entry.getKey(), step, entry.getValue().getAsDouble());
                }
            }
            return true;
        } catch (JsonParseException | IllegalStateException | NumberFormatException e) {
            return false;
        }
    }
}
