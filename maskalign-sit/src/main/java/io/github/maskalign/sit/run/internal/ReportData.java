package io.github.maskalign.sit.run.internal;

import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The numbers of a report for other programs. Names are those of {@code stats.jsonl}, and {@code FILE/ID} for results of
 * {@code evaluate}, which have no step. Of more records than {@link CurveWindows#MOST} there are means over windows.
 *
 * @param groups what was read
 */
public record ReportData(List<RunGroup> groups) {
    private static final List<String> HEAD = List.of("group", "run", "seed", "step", "metric", "value");

    /**
     * Returns one line for each number: group, run, seed, step, metric, value, as RFC 4180 has it. Numbers that are not
     * finite are {@code NaN}, {@code Infinity} and {@code -Infinity}.
     */
    public String csv() {
        StringBuilder csv = new StringBuilder(1 << 16);
        line(csv, HEAD);
        for (RunGroup group : groups) {
            for (ReportedRun run : group.runs()) {
                String seed = Long.toString(run.facts().seed());
                curves(run).forEach((metric, curve) -> {
                    for (int i = 0; i < curve.steps().length; i++) {
                        String step = number(curve.steps()[i]);
                        line(csv, List.of(group.label(), run.label(), seed, step, metric, number(curve.values()[i])));
                    }
                });
                results(run)
                        .forEach((metric, value) ->
                                line(csv, List.of(group.label(), run.label(), seed, "", metric, number(value))));
            }
        }
        return csv.toString();
    }

    private static void line(StringBuilder csv, List<String> fields) {
        for (int i = 0; i < fields.size(); i++) {
            String field = fields.get(i);
            boolean quoted = field.matches("(?s).*[\",\r\n].*");
            csv.append(i == 0 ? "" : ",").append(quoted ? "\"" + field.replace("\"", "\"\"") + "\"" : field);
        }
        csv.append("\r\n");
    }

    private static String number(double value) {
        return value == Math.rint(value) && Math.abs(value) < 1L << 53
                ? Long.toString((long) value)
                : Double.toString(value);
    }

    /** Returns groups with their members, the settings that differ, and of each number n, mean and sd. */
    public String json() {
        Set<String> differing = RunGroup.differing(groups);
        JsonArray all = new JsonArray();
        for (RunGroup group : groups) {
            JsonObject settings = new JsonObject();
            Map<String, String> values = group.first().facts().settings();
            differing.forEach(key -> settings.addProperty(key, values.get(key)));
            JsonArray members = new JsonArray();
            for (ReportedRun run : group.runs()) {
                JsonObject member = new JsonObject();
                member.addProperty("run", run.label());
                member.addProperty("seed", run.facts().seed());
                member.addProperty("step", run.status().step());
                members.add(member);
            }
            JsonObject one = new JsonObject();
            one.addProperty("group", group.label());
            one.addProperty("method", group.first().facts().method());
            one.addProperty("n", group.runs().size());
            one.add("members", members);
            one.add("settings", settings);
            one.add("metrics", metrics(group));
            all.add(one);
        }
        JsonObject page = new JsonObject();
        page.addProperty("sd", "sample standard deviation over runs, n - 1; null for one run");
        page.add("groups", all);
        return new GsonBuilder().disableHtmlEscaping().serializeNulls().create().toJson(page) + "\n";
    }

    private static JsonObject metrics(RunGroup group) {
        Map<String, Map<Double, List<Double>>> found = new TreeMap<>();
        Map<String, List<Double>> results = new LinkedHashMap<>();
        for (ReportedRun run : group.runs()) {
            curves(run).forEach((metric, curve) -> {
                Map<Double, List<Double>> steps = found.computeIfAbsent(metric, key -> new TreeMap<>());
                for (int i = 0; i < curve.steps().length; i++) {
                    steps.computeIfAbsent(curve.steps()[i], key -> new ArrayList<>())
                            .add(curve.values()[i]);
                }
            });
            results(run)
                    .forEach((metric, value) -> results.computeIfAbsent(metric, key -> new ArrayList<>())
                            .add(value));
        }
        JsonObject metrics = new JsonObject();
        found.forEach((metric, steps) -> {
            JsonArray points = new JsonArray();
            steps.forEach((step, values) -> add(points, step, values));
            metrics.add(metric, points);
        });
        results.forEach((metric, values) -> {
            JsonArray points = new JsonArray();
            add(points, null, values);
            metrics.add(metric, points);
        });
        return metrics;
    }

    private static void add(JsonArray points, @Nullable Double step, List<Double> values) {
        Spread spread = Spread.of(values.stream().mapToDouble(value -> value));
        if (spread.count() == 0) {
            return;
        }
        JsonObject point = new JsonObject();
        if (step == null) {
            point.add("step", JsonNull.INSTANCE);
        } else if (step == Math.rint(step)) {
            point.addProperty("step", Math.round(step));
        } else {
            point.addProperty("step", step);
        }
        point.addProperty("n", spread.count());
        point.addProperty("mean", spread.mean());
        if (spread.count() > 1) {
            point.addProperty("sd", spread.deviation());
        } else {
            point.add("sd", JsonNull.INSTANCE);
        }
        points.add(point);
    }

    /** What was measured, without the clock. */
    private static Map<String, Curve> curves(ReportedRun run) {
        Map<String, Curve> curves = new TreeMap<>(run.stats().curves());
        curves.remove("time");
        return curves;
    }

    private static Map<String, Double> results(ReportedRun run) {
        Map<String, Double> results = new LinkedHashMap<>();
        for (ScoreFile file : run.scores()) {
            for (ScoreFile.Score score : file.scores()) {
                results.put(file.file() + "/" + score.id(), score.value());
            }
        }
        return results;
    }
}
