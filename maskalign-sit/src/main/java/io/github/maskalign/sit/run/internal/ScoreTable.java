package io.github.maskalign.sit.run.internal;

import static io.github.maskalign.sit.run.internal.Markup.escape;
import static io.github.maskalign.sit.run.internal.Markup.number;

import io.github.maskalign.core.evaluate.Metric;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;
import java.util.stream.DoubleStream;

/**
 * The scores of groups, each at the last step that all evaluated runs have in common. Scores of different protocols have
 * different columns.
 *
 * @param groups the rows
 * @param columns what was measured
 */
record ScoreTable(List<RunGroup> groups, List<Column> columns) {
    /**
     * A score.
     *
     * @param id its name in files
     * @param title what people call it
     * @param when the step, or the file of a result
     * @param comparable whether the numbers of all groups were taken at one step
     * @param value what a run has; NaN if nothing
     */
    record Column(String id, String title, String when, boolean comparable, ToDoubleFunction<ReportedRun> value) {
        /** Returns the number of the row with the best mean, if there is a better and a worse. */
        Optional<Integer> best(List<RunGroup> groups) {
            Optional<Metric> metric = Metric.ofFile(id);
            double[] means = groups.stream()
                    .mapToDouble(group -> group.spread(value).mean())
                    .toArray();
            boolean several =
                    DoubleStream.of(means).filter(Double::isFinite).distinct().count() > 1;
            if (metric.isEmpty() || !comparable || !several) {
                return Optional.empty();
            }
            double sign = metric.get().lowerIsBetter() ? -1 : 1;
            int best = -1;
            for (int g = 0; g < means.length; g++) {
                if (Double.isFinite(means[g]) && (best < 0 || sign * means[g] > sign * means[best])) {
                    best = g;
                }
            }
            return Optional.of(best);
        }
    }

    static ScoreTable of(List<RunGroup> groups) {
        List<ReportedRun> runs =
                groups.stream().flatMap(group -> group.runs().stream()).toList();
        List<Column> columns = new ArrayList<>();
        for (String key : ReportCharts.scores(runs)) {
            Map<String, List<ReportedRun>> protocols = new TreeMap<>();
            runs.stream()
                    .filter(run -> run.stats().curves().containsKey(key))
                    .forEach(run -> protocols
                            .computeIfAbsent(protocol(run, key), fingerprint -> new ArrayList<>())
                            .add(run));
            protocols.forEach((fingerprint, members) ->
                    columns.add(protocols.size() == 1 ? recorded(key, runs) : recorded(key, members, fingerprint)));
        }
        Map<String, Set<String>> protocols = new HashMap<>();
        runs.forEach(run -> run.scores()
                .forEach(file -> protocols
                        .computeIfAbsent(file.file(), name -> new TreeSet<>())
                        .add(file.protocol())));
        Map<String, Column> results = new LinkedHashMap<>();
        for (ReportedRun run : runs) {
            for (ScoreFile file : run.scores()) {
                for (ScoreFile.Score score : file.scores()) {
                    results.computeIfAbsent(
                            file.file() + " " + score.id() + " " + file.protocol(),
                            key -> new Column(
                                    score.id(),
                                    ScoreId.title(score.id()),
                                    protocols
                                                            .getOrDefault(file.file(), Set.of())
                                                            .size()
                                                    <= 1
                                            ? file.file()
                                            : file.file() + protocol(file.protocol()),
                                    true,
                                    member -> result(member, file, score.id())));
                }
            }
        }
        columns.addAll(results.values());
        return new ScoreTable(groups, columns);
    }

    /** The protocol of a run's last value of a score; empty if it was not recorded. */
    private static String protocol(ReportedRun run, String score) {
        double number = last(run, ScoreId.protocol(score, run.stats().curves().keySet()));
        return Double.isNaN(number) ? "" : Protocol.fingerprint(number);
    }

    /** Numbers of one protocol alone: those of others have columns of their own. */
    private static Column recorded(String key, List<ReportedRun> members, String fingerprint) {
        Column column = recorded(key, members);
        return new Column(
                column.id(),
                column.title(),
                column.when() + protocol(fingerprint),
                column.comparable(),
                run -> members.contains(run) ? column.value().applyAsDouble(run) : Double.NaN);
    }

    private static String protocol(String fingerprint) {
        return ", protocol " + (fingerprint.isEmpty() ? "unknown" : fingerprint);
    }

    private static Column recorded(String key, List<ReportedRun> runs) {
        List<Curve> curves = runs.stream()
                .flatMap(run -> run.stats().curves(List.of(key)).stream())
                .toList();
        TreeSet<Double> common = new TreeSet<>();
        DoubleStream.of(curves.get(0).steps())
                .filter(step -> curves.stream().allMatch(curve -> Double.isFinite(MeanCurve.at(curve, step, false))))
                .forEach(common::add);
        String id = key.substring("eval/".length());
        if (common.isEmpty()) {
            return new Column(id, ScoreId.title(id), "last step of each", false, run -> last(run, key));
        }
        double step = common.last();
        return new Column(
                id,
                ScoreId.title(id),
                String.format(Locale.ROOT, "step %,d", Math.round(step)),
                true,
                run -> run.stats().curves(List.of(key)).stream()
                        .mapToDouble(curve -> MeanCurve.at(curve, step, false))
                        .findFirst()
                        .orElse(Double.NaN));
    }

    private static double last(ReportedRun run, String key) {
        return run.stats().curves(List.of(key)).stream()
                .flatMapToDouble(curve -> DoubleStream.of(curve.values()))
                .filter(Double::isFinite)
                .reduce(Double.NaN, (before, value) -> value);
    }

    private static double result(ReportedRun run, ScoreFile like, String id) {
        return run.scores().stream()
                .filter(found ->
                        found.file().equals(like.file()) && found.protocol().equals(like.protocol()))
                .flatMap(found -> found.scores().stream())
                .filter(score -> score.id().equals(id))
                .mapToDouble(ScoreFile.Score::value)
                .findFirst()
                .orElse(Double.NaN);
    }

    /** Returns the table of groups. */
    String html() {
        StringBuilder page = new StringBuilder();
        page.append("<div class=\"wide\"><table>\n").append(titles()).append("<tbody>\n");
        for (int g = 0; g < groups.size(); g++) {
            RunGroup group = groups.get(g);
            page.append("<tr><th scope=\"row\">")
                    .append(ReportPage.swatch(g))
                    .append(escape(group.label()))
                    .append("</th>");
            for (ScoreTable.Column column : columns) {
                Spread spread = group.spread(column.value());
                boolean best = column.best(groups).filter(Predicate.isEqual(g)).isPresent();
                page.append(best ? "<td class=\"best\">" : "<td>")
                        .append(spread.text())
                        .append(spread.count() > 1 ? "\u00A0<span class=\"quiet\">(" + spread.count() + ")</span>" : "")
                        .append(best ? "\u00A0★" : "")
                        .append("</td>");
            }
            page.append("</tr>\n");
        }
        page.append("</tbody></table></div>\n");
        return page.toString();
    }

    private String titles() {
        StringBuilder head = new StringBuilder("<thead><tr><td></td>");
        for (ScoreTable.Column column : columns) {
            head.append("<th scope=\"col\">")
                    .append(escape(column.title()))
                    .append("<br/><span class=\"quiet\">")
                    .append(escape(column.when()))
                    .append("</span></th>");
        }
        return head.append("</tr></thead>\n").toString();
    }

    /** Returns the table of runs, folded. */
    String singleRuns() {
        StringBuilder page = new StringBuilder();
        page.append("<details><summary>Scores of each run</summary><div class=\"wide\"><table>\n")
                .append(titles())
                .append("<tbody>\n");
        for (int g = 0; g < groups.size(); g++) {
            for (ReportedRun run : groups.get(g).runs()) {
                page.append("<tr><th scope=\"row\">")
                        .append(ReportPage.swatch(g))
                        .append(escape(run.label()))
                        .append(", seed ")
                        .append(run.facts().seed())
                        .append("</th>");
                columns.forEach(column -> page.append("<td>")
                        .append(number(column.value().applyAsDouble(run)))
                        .append("</td>"));
                page.append("</tr>\n");
            }
        }
        page.append("</tbody></table></div></details>\n");
        return page.toString();
    }
}
