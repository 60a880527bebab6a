package io.github.maskalign.sit.run.internal;

import static io.github.maskalign.sit.run.internal.Markup.escape;
import static io.github.maskalign.sit.run.internal.Markup.number;

import io.github.maskalign.core.config.ConfigWriter;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.DoubleStream;

/**
 * The page. It holds everything it shows: styles, charts as SVG, pictures as data; no script and no address of another
 * file. It is well-formed XML too.
 *
 * @param title headline
 * @param runs what is compared
 * @param scores results of {@code evaluate} given besides those in the runs' folders
 * @param made when
 */
public record ReportPage(String title, List<ReportedRun> runs, List<ScoreFile> scores, Instant made) {
    /** Number of colours and dashes in the style sheet. */
    static final int COLOURS = 6;

    /** Returns the page as HTML. */
    public String html() {
        StringBuilder page = new StringBuilder(1 << 16);
        page.append("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n")
                .append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>")
                .append(escape(title))
                .append("</title>\n<style>\n")
                .append(resource("report.css"))
                .append("</style>\n</head>\n<body>\n<header>\n<h1>")
                .append(escape(title))
                .append("</h1>\n<p class=\"quiet\">")
                .append(runs.size() == 1 ? "One training run" : runs.size() + " training runs")
                .append(", ")
                .append(DateTimeFormatter.ofPattern("d MMMM uuuu, HH:mm 'UTC'", Locale.ENGLISH)
                        .withZone(ZoneOffset.UTC)
                        .format(made))
                .append("</p>\n</header>\n<main>\n");
        overview(page);
        differences(page);
        ReportCharts charts = new ReportCharts(runs);
        charts(page, "Losses", charts.losses(), "Nothing has been recorded yet.");
        evaluation(page, charts);
        samples(page);
        charts(page, "Speed and memory", charts.speed(), "Nothing has been recorded yet.");
        charts(page, "Optimisation", charts.optimisation(), "Nothing has been recorded yet.");
        sources(page);
        page.append("</main>\n<footer class=\"quiet\">Made by <code>maskalign report</code>. ")
                .append("Faint lines are measurements, full ones their averages over neighbouring steps.")
                .append("</footer>\n</body>\n</html>\n");
        return page.toString();
    }

    private void overview(StringBuilder page) {
        open(page, "Overview");
        Map<String, Function<ReportedRun, String>> rows = new LinkedHashMap<>();
        rows.put("method", ReportedRun::method);
        rows.put("model", ReportedRun::model);
        if (runs.stream().anyMatch(run -> !run.classes().names().isEmpty())) {
            rows.put("classes", run -> run.classes().text());
        }
        rows.put("state", run -> run.status().phase().name().toLowerCase(Locale.ROOT));
        rows.put(
                "steps",
                run -> String.format(
                        Locale.ROOT,
                        "%,d of %,d",
                        run.status().step(),
                        run.status().steps()));
        rows.put(
                "pictures seen",
                run -> String.format(
                        Locale.ROOT,
                        "%,d",
                        run.status().step() * run.config().train().globalBatch()));
        rows.put(
                "pictures a second",
                run -> run.rates().isEmpty() ? "–" : number(median(run.rates().get(0))));
        rows.put("training time", run -> {
            Curve seconds = run.stats().curves().get("seconds");
            return Markup.duration(
                    seconds == null
                            ? Double.NaN
                            : median(seconds) * run.status().step());
        });
        rows.put("most memory", run -> {
            Curve memory = run.stats().curves().get("memory/resident_mb");
            return memory == null
                    ? "–"
                    : number(DoubleStream.of(memory.values()).max().orElse(Double.NaN)) + " MB";
        });
        rows.put("loss", run -> number(ReportCharts.last(run, "loss")));
        rows.put("velocity loss", run -> number(ReportCharts.last(run, "loss/velocity")));
        rows.put("skipped steps", run -> number(Math.max(0, ReportCharts.last(run, "skipped"))));
        page.append("<div class=\"wide\"><table>\n<thead><tr><td></td>");
        for (int r = 0; r < runs.size(); r++) {
            page.append("<th scope=\"col\">").append(key(r)).append("</th>");
        }
        page.append("</tr></thead>\n<tbody>\n");
        rows.forEach((name, value) -> {
            page.append("<tr><th scope=\"row\">").append(name).append("</th>");
            runs.forEach(
                    run -> page.append("<td>").append(escape(value.apply(run))).append("</td>"));
            page.append("</tr>\n");
        });
        page.append("</tbody></table></div>\n");
        for (ReportedRun run : runs) {
            if (run.stats().damaged() > 0) {
                page.append("<p class=\"warning\">")
                        .append(escape(run.label()))
                        .append(": ")
                        .append(run.stats().damaged())
                        .append(" lines of stats.jsonl are no records and were left out.</p>\n");
            }
        }
        page.append("</section>\n");
    }

    private void differences(StringBuilder page) {
        if (runs.size() < 2) {
            return;
        }
        List<Map<String, String>> settings =
                runs.stream().map(ReportedRun::settings).toList();
        open(page, "Settings that differ");
        page.append("<div class=\"wide\"><table>\n<thead><tr><td></td>");
        for (int r = 0; r < runs.size(); r++) {
            page.append("<th scope=\"col\">").append(key(r)).append("</th>");
        }
        page.append("</tr></thead>\n<tbody>\n");
        int rows = 0;
        for (String key : settings.get(0).keySet()) {
            List<String> values =
                    settings.stream().map(run -> run.getOrDefault(key, "–")).toList();
            if (!key.equals("name") && values.stream().distinct().count() > 1) {
                rows++;
                page.append("<tr><th scope=\"row\"><code>").append(escape(key)).append("</code></th>");
                values.forEach(
                        value -> page.append("<td>").append(escape(value)).append("</td>"));
                page.append("</tr>\n");
            }
        }
        page.append("</tbody></table></div>\n")
                .append(rows == 0 ? "<p>None.</p>\n" : "")
                .append("</section>\n");
    }

    private void charts(StringBuilder page, String heading, List<ReportCharts.Drawing> drawings, String none) {
        open(page, heading);
        figures(page, drawings);
        page.append(drawings.isEmpty() ? "<p>" + none + "</p>\n" : "").append("</section>\n");
    }

    private void figures(StringBuilder page, List<ReportCharts.Drawing> drawings) {
        page.append("<div class=\"charts\">\n");
        for (ReportCharts.Drawing drawing : drawings) {
            page.append("<figure>\n<figcaption>")
                    .append(escape(drawing.chart().title()))
                    .append("</figcaption>\n")
                    .append(drawing.svg())
                    .append("<ul class=\"legend\">");
            for (Chart.Line line : drawing.lines()) {
                double[] values = drawing.chart().averaged(line.curve()).values();
                page.append("<li>")
                        .append(key(line.run()))
                        .append(" <b>")
                        .append(number(values[values.length - 1]))
                        .append("</b></li>");
            }
            page.append("</ul>\n</figure>\n");
        }
        page.append("</div>\n");
    }

    private void evaluation(StringBuilder page, ReportCharts charts) {
        open(page, "Evaluation");
        List<ReportCharts.Drawing> curves = charts.metrics();
        figures(page, curves);
        int tables = 0;
        for (int r = 0; r < runs.size(); r++) {
            for (ScoreFile file : runs.get(r).scores()) {
                table(page, key(r), file);
                tables++;
            }
        }
        for (ScoreFile file : scores) {
            table(page, escape(file.file()), file);
            tables++;
        }
        if (curves.isEmpty() && tables == 0) {
            page.append("<p>These runs have not been evaluated. <code>maskalign evaluate --reference REF --samples RUN")
                    .append(" --out RUN/evaluation.json</code> leaves a result that is shown here.</p>\n");
        }
        page.append("</section>\n");
    }

    private static void table(StringBuilder page, String caption, ScoreFile file) {
        page.append("<div class=\"wide\"><table>\n<caption>")
                .append(caption)
                .append(": ")
                .append(escape(file.samples()))
                .append(", features of ")
                .append(escape(file.features()))
                .append("</caption>\n<tbody>\n");
        for (ScoreFile.Score score : file.scores()) {
            page.append("<tr><th scope=\"row\">")
                    .append(escape(score.title()))
                    .append("</th><td><b>")
                    .append(number(score.value()))
                    .append("</b>")
                    .append(Double.isNaN(score.error()) ? "" : " ± " + number(score.error()))
                    .append("</td><td class=\"quiet\">")
                    .append(Double.isNaN(score.error()) ? "" : escape(score.errorIs()))
                    .append("</td></tr>\n");
        }
        page.append("</tbody></table></div>\n");
        file.warnings()
                .forEach(warning -> page.append("<p class=\"warning\">")
                        .append(escape(warning))
                        .append("</p>\n"));
    }

    private void samples(StringBuilder page) {
        open(page, "Samples");
        for (int r = 0; r < runs.size(); r++) {
            ReportedRun run = runs.get(r);
            page.append("<h3>").append(key(r)).append("</h3>\n");
            if (run.grids().isEmpty()) {
                page.append("<p>No pictures yet. <code>runtime.previewEvery</code> draws some while training.</p>\n");
            }
            if (!run.grids().isEmpty() && !run.classes().names().isEmpty()) {
                page.append("<p class=\"quiet\">All classes in turn, row by row: ")
                        .append(escape(run.classes().text()))
                        .append(".</p>\n");
            }
            page.append("<div class=\"grids\">\n");
            for (ReportedRun.Grid grid : run.grids()) {
                page.append(String.format(
                        Locale.ROOT,
                        "<figure><img src=\"%s\" width=\"%d\" height=\"%d\" alt=\"samples of %s at step %d\"/>"
                                + "<figcaption>step %,d</figcaption></figure>%n",
                        Markup.dataUri(grid.png()),
                        grid.width(),
                        grid.height(),
                        escape(run.label()),
                        grid.step(),
                        grid.step()));
            }
            page.append("</div>\n");
        }
        page.append("</section>\n");
    }

    private void sources(StringBuilder page) {
        open(page, "Where it comes from");
        for (int r = 0; r < runs.size(); r++) {
            ReportedRun run = runs.get(r);
            page.append("<h3>").append(key(r)).append("</h3>\n");
            folded(page, "All settings", ConfigWriter.yaml(run.config()));
            folded(page, "Versions, machine, origin of the settings", run.provenance());
            folded(page, "Who made the training pictures", run.attribution());
        }
        page.append("</section>\n");
    }

    private static void folded(StringBuilder page, String summary, String text) {
        if (!text.isBlank()) {
            page.append("<details><summary>")
                    .append(summary)
                    .append("</summary><pre>")
                    .append(escape(text))
                    .append("</pre></details>\n");
        }
    }

    private static void open(StringBuilder page, String heading) {
        page.append("<section>\n<h2>").append(heading).append("</h2>\n");
    }

    /** A run's line, as the charts draw it, and its name. */
    private String key(int run) {
        return "<svg class=\"key\" viewBox=\"0 0 26 8\" aria-hidden=\"true\"><path class=\"line r" + run % COLOURS
                + "\" d=\"M1 4H25\"/></svg>" + escape(runs.get(run).label());
    }

    private static double median(Curve curve) {
        double[] sorted = DoubleStream.of(curve.values())
                .filter(Double::isFinite)
                .sorted()
                .toArray();
        return sorted.length == 0 ? Double.NaN : sorted[sorted.length / 2];
    }

    private static String resource(String name) {
        try (InputStream in = Objects.requireNonNull(ReportPage.class.getResourceAsStream(name), name)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
