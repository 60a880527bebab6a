package io.github.maskalign.sit.run.internal;

import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The end of a {@code stats.jsonl}; the file may be growing, and be large.
 *
 * @param last newest value of each name
 * @param medianSeconds median seconds of a step over the records; NaN if there are none
 */
public record RecentRecords(Map<String, Double> last, double medianSeconds) {
    private static final int TAIL_BYTES = 64 << 10;

    public static RecentRecords read(Path stats, int count) throws IOException {
        List<Map<String, Double>> found = new ArrayList<>();
        for (String line : tail(stats).split("\n")) {
            parse(line, found);
        }
        List<Map<String, Double>> recent = found.subList(Math.max(0, found.size() - count), found.size());
        double[] seconds = recent.stream()
                .filter(record -> record.containsKey("seconds"))
                .mapToDouble(record -> record.get("seconds"))
                .sorted()
                .toArray();
        return new RecentRecords(newest(recent), seconds.length == 0 ? Double.NaN : seconds[seconds.length / 2]);
    }

    /** Records differ in what they hold: those of evaluations stand between those of steps. */
    private static Map<String, Double> newest(List<Map<String, Double>> records) {
        Map<String, Double> values = new TreeMap<>();
        records.forEach(values::putAll);
        return values;
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

    private static void parse(String line, List<Map<String, Double>> found) {
        try {
            JsonObject record = JsonParser.parseString(line).getAsJsonObject();
            Map<String, Double> values = new TreeMap<>();
            record.entrySet().forEach(e -> {
                if (e.getValue().isJsonPrimitive()) {
                    values.put(e.getKey(), e.getValue().getAsDouble());
                }
            });
            found.add(values);
        } catch (JsonParseException | IllegalStateException | NumberFormatException e) {
            return; // the first line may be cut, and the last is being written
        }
    }

    public long step() {
        return Math.round(last.getOrDefault("step", 0.0));
    }

    /** Returns when the newest record was made, in seconds since 1970; NaN if there is none. */
    public double time() {
        return last.getOrDefault("time", Double.NaN);
    }
}
