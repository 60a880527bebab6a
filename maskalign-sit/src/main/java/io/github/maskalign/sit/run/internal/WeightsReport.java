package io.github.maskalign.sit.run.internal;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.WeightsFile;
import io.github.maskalign.sit.weights.internal.FamilyGuess;
import io.github.maskalign.sit.weights.internal.OpenWeights;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * What is in a file of weights. Names and texts of the file are shown so that they cannot control a terminal.
 */
public final class WeightsReport {
    private static final int LONGEST_TEXT = 100;

    private final OpenWeights weights;
    private final @Nullable FamilyGuess family;
    private final @Nullable String noFamily;
    private final List<Row> rows = new ArrayList<>();
    private final boolean withStats;

    private record Row(String name, TensorSource tensor, Optional<TensorStats> stats) {}

    /**
     * Reads what is shown.
     *
     * @param weights the open file
     * @param shown which tensors, by name
     * @param withStats whether all values are read
     */
    public WeightsReport(OpenWeights weights, Predicate<String> shown, boolean withStats) throws IOException {
        this.weights = weights;
        this.withStats = withStats;
        FamilyGuess found = null;
        String why = null;
        try {
            found = FamilyGuess.of(
                    weights.origin(), weights.tensors(), weights.file().metadata());
        } catch (CheckpointFormatException e) {
            why = String.join("; ", e.problems());
        }
        family = found;
        noFamily = why;
        for (Map.Entry<String, TensorSource> tensor :
                weights.tensors().tensors().entrySet()) {
            if (shown.test(tensor.getKey())) {
                rows.add(new Row(
                        tensor.getKey(),
                        tensor.getValue(),
                        withStats ? TensorStats.of(tensor.getValue()) : Optional.empty()));
            }
        }
    }

    /** Returns all of it as one JSON object. */
    public JsonObject json() throws IOException {
        WeightsFile file = weights.file();
        JsonObject json = new JsonObject();
        json.addProperty("file", file.path().toString());
        json.addProperty("format", file.format());
        json.addProperty("file_bytes", Files.size(file.path()));
        JsonArray sections = new JsonArray();
        file.sections().forEach(sections::add);
        json.add("sections", sections);
        json.addProperty("section", weights.section());
        json.addProperty("family", family == null ? null : family.family().id());
        json.addProperty("evidence", family == null ? noFamily : family.evidence());
        JsonObject metadata = new JsonObject();
        file.metadata().forEach(metadata::addProperty);
        json.add("metadata", metadata);
        JsonArray tensors = new JsonArray();
        for (Row row : rows) {
            JsonObject one = new JsonObject();
            one.addProperty("name", row.name());
            one.addProperty("dtype", row.tensor().type().name());
            JsonArray shape = new JsonArray();
            Arrays.stream(row.tensor().shape().getShape()).forEach(shape::add);
            one.add("shape", shape);
            one.addProperty("bytes", row.tensor().byteSize());
            row.stats().ifPresent(stats -> {
                one.add("min", number(stats.min()));
                one.add("max", number(stats.max()));
                one.add("mean", number(stats.mean()));
                one.add("std", number(stats.std()));
                one.addProperty("non_finite", stats.nonFinite());
            });
            tensors.add(one);
        }
        json.add("tensors", tensors);
        json.addProperty("values", values());
        json.addProperty("bytes", bytes());
        return json;
    }

    /** Returns all of it as text. */
    public String text() throws IOException {
        WeightsFile file = weights.file();
        StringBuilder out = new StringBuilder();
        fact(out, "file", file.path() + ", " + file.format() + ", " + size(Files.size(file.path())));
        if (!file.sections().equals(Set.of(""))) {
            fact(
                    out,
                    "sections",
                    file.sections().stream().map(WeightsReport::printable).collect(Collectors.joining(", ")));
            fact(out, "shown", printable(weights.section()));
        }
        fact(
                out,
                "family",
                family == null ? "none: " + noFamily : family.family().id() + ": " + family.evidence());
        file.metadata().forEach((key, value) -> fact(out, printable(key), printable(value)));
        out.append('\n');
        table(out);
        out.append('\n');
        fact(
                out,
                "total",
                String.format(Locale.ROOT, "%,d tensors, %,d values, %s", rows.size(), values(), size(bytes())));
        return out.toString();
    }

    /** Returns whether a value that was read is NaN or infinite. */
    public boolean hasNonFinite() {
        return rows.stream()
                .anyMatch(row -> row.stats().isPresent() && row.stats().get().nonFinite() > 0);
    }

    private void table(StringBuilder out) {
        List<List<String>> lines = new ArrayList<>();
        List<String> head = new ArrayList<>(List.of("name", "dtype", "shape", "bytes"));
        if (withStats) {
            head.addAll(List.of("min", "max", "mean", "std", "non-finite"));
        }
        lines.add(head);
        for (Row row : rows) {
            List<String> line = new ArrayList<>(List.of(
                    printable(row.name()),
                    row.tensor().type().name(),
                    row.tensor().shape().toString(),
                    String.format(Locale.ROOT, "%,d", row.tensor().byteSize())));
            if (withStats) {
                row.stats()
                        .ifPresentOrElse(
                                s -> line.addAll(List.of(
                                        text(s.min()),
                                        text(s.max()),
                                        text(s.mean()),
                                        text(s.std()),
                                        Long.toString(s.nonFinite()))),
                                () -> line.addAll(List.of("", "", "", "", "")));
            }
            lines.add(line);
        }
        int[] widths = IntStream.range(0, head.size())
                .map(column -> lines.stream()
                        .mapToInt(line -> line.get(column).length())
                        .max()
                        .orElse(0))
                .toArray();
        for (List<String> line : lines) {
            StringBuilder text = new StringBuilder();
            for (int column = 0; column < line.size(); column++) {
                String alignment = column < 3 ? "%-" : "%";
                text.append(
                        String.format(Locale.ROOT, alignment + Math.max(1, widths[column]) + "s  ", line.get(column)));
            }
            out.append(text.toString().stripTrailing()).append('\n');
        }
    }

    private long values() {
        return rows.stream().mapToLong(row -> row.tensor().shape().size()).sum();
    }

    private long bytes() {
        return rows.stream().mapToLong(row -> row.tensor().byteSize()).sum();
    }

    private static void fact(StringBuilder out, String name, String value) {
        out.append(String.format(Locale.ROOT, "%-10s %s%n", name, value));
    }

    private static JsonElement number(double value) {
        return Double.isFinite(value) ? new JsonPrimitive(value) : JsonNull.INSTANCE;
    }

    private static String text(double value) {
        return Double.isNaN(value) ? "" : String.format(Locale.ROOT, "%.4g", value);
    }

    private static String size(long bytes) {
        return bytes < 10_000
                ? bytes + " bytes"
                : bytes < 10_000_000
                        ? String.format(Locale.ROOT, "%.1f KB", bytes / 1e3)
                        : String.format(Locale.ROOT, "%.1f MB", bytes / 1e6);
    }

    private static String printable(String text) {
        boolean plain = text.length() <= LONGEST_TEXT
                && text.chars().noneMatch(c -> Character.isISOControl(c) || Character.isSurrogate((char) c));
        return plain ? text : CheckpointFormatException.quote(text);
    }
}
