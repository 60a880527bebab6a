package io.github.maskalign.sit.run.internal;

import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
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
        Map<String, Double> record = parse(line);
        Double step = record.remove("step");
        if (step == null) {
            return false;
        }
        record.forEach((name, value) -> visitor.value(name, step, value));
        return true;
    }

    /** Returns the numbers of a record; none if the line is no record, as the last one while it is being written. */
    private static Map<String, Double> parse(String line) {
        try {
            Map<String, Double> values = new LinkedHashMap<>();
            JsonParser.parseString(line).getAsJsonObject().entrySet().stream()
                    .filter(entry -> entry.getValue().isJsonPrimitive())
                    .forEach(
                            entry -> values.put(entry.getKey(), entry.getValue().getAsDouble()));
            return values;
        } catch (JsonParseException | IllegalStateException | NumberFormatException e) {
            return new LinkedHashMap<>();
        }
    }

    /**
     * The end of the file, which may be growing, and be large.
     *
     * @param last newest value of each name
     * @param medianSeconds median seconds of a step over the records; NaN if there are none
     */
    public record Recent(Map<String, Double> last, double medianSeconds) {
        private static final int TAIL_BYTES = 64 << 10;

        /** Reads the last records; there are none if there is no file. */
        public static Recent read(Path stats, int count) throws IOException {
            List<Map<String, Double>> found = tail(stats)
                    .lines()
                    .map(StatsFile::parse)
                    .filter(record -> !record.isEmpty())
                    .toList();
            List<Map<String, Double>> recent = found.subList(Math.max(0, found.size() - count), found.size());
            double[] seconds = recent.stream()
                    .filter(record -> record.containsKey("seconds"))
                    .mapToDouble(record -> record.get("seconds"))
                    .sorted()
                    .toArray();
            Map<String, Double> last = new TreeMap<>(); // records of evaluations stand between those of steps
            recent.forEach(last::putAll);
            return new Recent(last, seconds.length == 0 ? Double.NaN : seconds[seconds.length / 2]);
        }

        private static String tail(Path stats) throws IOException {
            if (!Files.exists(stats)) {
                return "";
            }
            try (RandomAccessFile file = new RandomAccessFile(stats.toFile(), "r")) {
                file.seek(Math.max(0, file.length() - TAIL_BYTES));
                byte[] bytes = new byte[(int) Math.min(TAIL_BYTES, file.length())];
                int length = Math.max(0, file.read(bytes));
                return new String(bytes, 0, length, StandardCharsets.UTF_8);
            }
        }

        /** Returns the newest step. */
        public long step() {
            return Math.round(last.getOrDefault("step", 0.0));
        }

        /** Returns when the newest record was made, in seconds since 1970; NaN if there is none. */
        public double time() {
            return last.getOrDefault("time", Double.NaN);
        }
    }
}
