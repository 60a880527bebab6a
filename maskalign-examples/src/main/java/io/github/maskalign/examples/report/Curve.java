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
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.stream.DoubleStream;
import org.jspecify.annotations.Nullable;

/**
 * One measured quantity over the steps of a run.
 *
 * @param label name in the legend
 * @param steps optimiser steps, in rising order
 * @param values the quantity at each step; may be NaN or infinite, where the curve has a gap
 */
public record Curve(String label, double[] steps, double[] values) {
    /** Checks that each step has a value. */
    public Curve {
        if (steps.length != values.length) {
            throw new IllegalArgumentException("curve '" + label + "' must have as many values as steps but has "
                    + values.length + " values and " + steps.length + " steps");
        }
    }

    /** Returns the same curve under another name, as needed when several runs are compared. */
    public Curve named(String other) {
        return new Curve(other, steps, values);
    }

    /**
     * Reads quantities from a {@code stats.jsonl}; the file may be in use by a running training.
     *
     * @param keys names of the quantities; a curve is labelled by its key
     * @return one curve for each key that the file holds, in the order of {@code keys}
     * @throws IOException if the file cannot be read
     */
    public static List<Curve> read(Path stats, Collection<String> keys) throws IOException {
        Map<String, List<double[]>> points = new LinkedHashMap<>();
        keys.forEach(key -> points.put(key, new ArrayList<>()));
        // a reader that replaces broken characters, which the last line may hold while it is being written
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(Files.newInputStream(stats), StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                collect(line, points);
            }
        }
        List<Curve> curves = new ArrayList<>();
        points.forEach((key, found) -> {
            if (!found.isEmpty()) {
                curves.add(new Curve(key, column(found, 0), column(found, 1)));
            }
        });
        return curves;
    }

    private static void collect(String line, Map<String, List<double[]>> points) {
        JsonObject record;
        try {
            record = JsonParser.parseString(line).getAsJsonObject();
        } catch (JsonParseException | IllegalStateException e) {
            return; // the line that is being written just now
        }
        OptionalDouble step = number(record.get("step"));
        points.forEach((key, found) -> {
            OptionalDouble value = number(record.get(key));
            if (step.isPresent() && value.isPresent()) {
                found.add(new double[] {step.getAsDouble(), value.getAsDouble()});
            }
        });
    }

    private static OptionalDouble number(@Nullable JsonElement element) {
        if (element == null || !element.isJsonPrimitive()) {
            return OptionalDouble.empty();
        }
        try {
            return OptionalDouble.of(element.getAsDouble());
        } catch (NumberFormatException e) {
            return OptionalDouble.empty();
        }
    }

    private static double[] column(List<double[]> points, int index) {
        return points.stream()
                .flatMapToDouble(point -> DoubleStream.of(point[index]))
                .toArray();
    }
}
