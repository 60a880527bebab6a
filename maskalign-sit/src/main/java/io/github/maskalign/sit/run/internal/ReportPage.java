package io.github.maskalign.sit.run.internal;

import static io.github.maskalign.sit.run.internal.Markup.escape;
import static io.github.maskalign.sit.run.internal.Markup.number;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;

/**
 * The page. It holds everything it shows: styles, charts as SVG, pictures as data; no script and no address of another
 * file, but for links from {@linkplain GridPreviews previews} to the whole pictures. It is well-formed XML too.
 *
 * @param title headline
 * @param groups what is compared
 * @param scores results of {@code evaluate} given besides those in the runs' folders
 * @param made when
 * @param leading what stands behind the overview
 */
public record ReportPage(
        String title, List<RunGroup> groups, List<ScoreFile> scores, Instant made, List<Leading> leading) {
    /** A section of another part of the library. */
    @FunctionalInterface
    public interface Leading {
        /** Writes it with the pens of the page. */
        void write(StringBuilder page, ReportPage of);
    }

    /** A page of runs alone. */
    public ReportPage(String title, List<RunGroup> groups, List<ScoreFile> scores, Instant made) {
        this(title, groups, scores, made, List.of());
    }

    /** Number of colours and dashes in the style sheet. */
    static final int COLOURS = 10;

    private static final String OTHER_FEATURES =
            "Distances in other features than Inception's are no FID and mean something among each other only.";
    private static final String DEVIATION =
            "± sample standard deviation over the runs of a group, their number in brackets. ";
    private static final String BANDS =
            "Lines are averages over neighbouring steps: faint ones of single runs, full ones "
                    + "the mean of a group's runs over the steps that all of them have; bands reach one sample standard deviation "
                    + "(n − 1) to both sides. Of a group with one run the faint line is what was measured.";

    private List<ReportedRun> runs() {
        return groups.stream().flatMap(group -> group.runs().stream()).toList();
    }

    /** Returns how many runs and groups there are, in words. */
    public String count() {
        int runs = runs().size();
        String all = runs == 1 ? "One training run" : runs + " training runs";
        return groups.size() == runs
                ? all
                : all + " in " + (groups.size() == 1 ? "one group" : groups.size() + " groups");
    }

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
                .append(count())
                .append(", ")
                .append(DateTimeFormatter.ofPattern("d MMMM uuuu, HH:mm 'UTC'", Locale.ENGLISH)
                        .withZone(ZoneOffset.UTC)
                        .format(made))
                .append("</p>\n</header>\n<main>\n");
        overview(page);
        leading.forEach(section -> section.write(page, this));
        warnings(page);
        evaluation(page);
        differences(page);
        ReportCharts charts = new ReportCharts(groups);
        charts(page, "Losses", charts.losses(), "Nothing has been recorded yet.");
        samples(page);
        charts(page, "Speed and memory", charts.speed(), "Nothing has been recorded yet.");
        charts(page, "Optimisation", charts.optimisation(), "Nothing has been recorded yet.");
        sources(page);
        page.append("</main>\n<footer class=\"quiet\">Made by <code>maskalign report</code>. ")
                .append(
                        runs().size() > groups.size()
                                ? BANDS
                                : "Faint lines are measurements, full ones their averages over neighbouring steps.")
                .append("</footer>\n</body>\n</html>\n");
        return page.toString();
    }

    private void overview(StringBuilder page) {
        open(page, "Overview");
        Map<String, Function<RunGroup, String>> rows = new LinkedHashMap<>();
        rows.put("method", group -> each(group, run -> run.facts().method()));
        rows.put("model", group -> each(group, run -> run.facts().model()));
        if (runs().size() > groups.size()) {
            rows.put("runs", group -> Integer.toString(group.runs().size()));
        }
        rows.put("seed", group -> group.seeds().stream().map(String::valueOf).collect(Collectors.joining(", ")));
        if (runs().stream().anyMatch(run -> !run.classes().names().isEmpty())) {
            rows.put("classes", group -> each(group, run -> run.classes().text()));
        }
        rows.put(
                "state", group -> each(group, run -> run.status().phase().name().toLowerCase(Locale.ROOT)));
        rows.put("steps", group -> each(group, ReportPage::progress));
        rows.put(
                "pictures seen",
                group -> each(
                        group,
                        run -> String.format(
                                Locale.ROOT,
                                "%,d",
                                run.status().step() * run.facts().batch())));
        rows.put("pictures a second", group -> group.spread(ReportedRun::rate).text());
        rows.put(
                "training time",
                group -> Markup.duration(group.spread(ReportedRun::seconds).mean()));
        rows.put("most memory", ReportPage::memory);
        rows.put(
                "loss",
                group -> group.spread(run -> ReportCharts.last(run, "loss")).text());
        ReportCharts.DENOISING.forEach((key, name) -> {
            if (runs().stream().anyMatch(run -> run.stats().curves().containsKey(key))) {
                rows.put(
                        name,
                        group ->
                                group.spread(run -> ReportCharts.last(run, key)).text());
            }
        });
        rows.put("skipped steps", group -> each(group, run -> number(Math.max(0, ReportCharts.last(run, "skipped")))));
        head(page);
        rows.forEach((name, value) -> row(page, name, group -> escape(value.apply(group))));
        page.append("</tbody></table></div>\n</section>\n");
    }

    /** Opens a table of groups. */
    private void head(StringBuilder page) {
        page.append("<div class=\"wide\"><table>\n<thead><tr><td></td>");
        for (int g = 0; g < groups.size(); g++) {
            page.append("<th scope=\"col\">").append(key(g)).append("</th>");
        }
        page.append("</tr></thead>\n<tbody>\n");
    }

    private void row(StringBuilder page, String name, Function<RunGroup, String> cell) {
        page.append("<tr><th scope=\"row\">").append(name).append("</th>");
        groups.forEach(group -> page.append("<td>").append(cell.apply(group)).append("</td>"));
        page.append("</tr>\n");
    }

    /** What the runs of a group have, each once. */
    private static String each(RunGroup group, Function<ReportedRun, String> value) {
        return group.runs().stream().map(value).distinct().collect(Collectors.joining("; "));
    }

    private static String progress(ReportedRun run) {
        return String.format(
                Locale.ROOT, "%,d of %,d", run.status().step(), run.status().steps());
    }

    private static String memory(RunGroup group) {
        double most = group.runs().stream()
                .flatMap(run -> run.stats().curves(List.of("memory/resident_mb")).stream())
                .flatMapToDouble(curve -> DoubleStream.of(curve.values()))
                .max()
                .orElse(Double.NaN);
        return Double.isNaN(most) ? "–" : number(most) + " MB";
    }

    /** Each warning once, with all runs that it concerns. */
    private void warnings(StringBuilder page) {
        ReportWarnings.of(groups, scores)
                .forEach((text, names) -> page.append("<p class=\"warning\">")
                        .append(escape(String.join(", ", names)))
                        .append(": ")
                        .append(escape(text))
                        .append("</p>\n"));
    }

    private void differences(StringBuilder page) {
        List<Map<String, String>> settings =
                groups.stream().map(group -> group.first().facts().settings()).toList();
        Set<String> differing = RunGroup.differing(groups);
        open(page, "Settings");
        if (groups.size() > 1 && differing.isEmpty()) {
            page.append("<p>None differs.</p>\n");
        } else if (groups.size() > 1) {
            head(page);
            for (String key : differing) {
                row(
                        page,
                        "<code>" + escape(key) + "</code>",
                        group -> escape(group.first().facts().settings().getOrDefault(key, "–")));
            }
            page.append("</tbody></table></div>\n");
        }
        StringBuilder common = new StringBuilder();
        settings.get(0).forEach((key, value) -> {
            boolean own = runs().size() > 1 && (key.equals("name") || key.equals("seed"));
            if (!own && !differing.contains(key)) {
                common.append(key).append(" = ").append(value).append('\n');
            }
        });
        folded(page, runs().size() == 1 ? "All settings" : "Settings that all runs have in common", common.toString());
        page.append("</section>\n");
    }

    private void charts(StringBuilder page, String heading, List<ReportCharts.Drawing> drawings, String none) {
        open(page, heading);
        figures(page, drawings);
        page.append(drawings.isEmpty() ? "<p>" + none + "</p>\n" : "").append("</section>\n");
    }

    /** Writes charts side by side, each with its legend. */
    public void figures(StringBuilder page, List<ReportCharts.Drawing> drawings) {
        page.append("<div class=\"charts\">\n");
        for (ReportCharts.Drawing drawing : drawings) {
            page.append("<figure>\n<figcaption>")
                    .append(escape(drawing.chart().title()))
                    .append("</figcaption>\n")
                    .append(drawing.svg())
                    .append("<ul class=\"legend\">");
            for (Chart.Line line : drawing.lines()) {
                page.append("<li>")
                        .append(key(line.run()))
                        .append(" <b>")
                        .append(drawing.chart().last(line, Markup::number, Markup::deviation))
                        .append("</b>")
                        .append(
                                line.isMean()
                                        ? " (n\u00A0=\u00A0" + line.members().size() + ")"
                                        : "")
                        .append("</li>");
            }
            page.append("</ul>\n</figure>\n");
        }
        page.append("</div>\n");
    }

    private void evaluation(StringBuilder page) {
        open(page, "Evaluation");
        ScoreTable table = ScoreTable.of(groups);
        if (!table.columns().isEmpty()) {
            page.append(table.html());
            page.append("<p class=\"quiet\">")
                    .append(groups.size() > 1 ? "★ best of its column. " : "")
                    .append(runs().size() > groups.size() ? DEVIATION : "")
                    .append(OTHER_FEATURES)
                    .append("</p>\n");
            if (runs().size() > groups.size()) {
                page.append(table.singleRuns());
            }
        }
        figures(page, new ReportCharts(groups).metrics());
        results(page);
        if (table.columns().isEmpty() && scores.isEmpty()) {
            page.append("<p>These runs have not been evaluated. <code>maskalign evaluate --reference REF --samples RUN")
                    .append(" --out RUN/evaluation.json</code> leaves a result that is shown here.</p>\n");
        }
        page.append("</section>\n");
    }

    /** Results with their errors, of several runs folded. */
    private void results(StringBuilder page) {
        StringBuilder tables = new StringBuilder();
        for (int g = 0; g < groups.size(); g++) {
            for (ReportedRun run : groups.get(g).runs()) {
                String caption = swatch(g) + escape(run.label());
                run.scores().forEach(file -> table(tables, caption, file));
            }
        }
        if (!tables.isEmpty() && runs().size() > 1) {
            page.append("<details><summary>Results of evaluate, with their errors</summary>\n")
                    .append(tables)
                    .append("</details>\n");
        } else {
            page.append(tables);
        }
        scores.forEach(file -> table(page, escape(file.file()), file));
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
    }

    private void samples(StringBuilder page) {
        open(page, "Samples");
        for (int g = 0; g < groups.size(); g++) {
            page.append("<h3>").append(key(g)).append("</h3>\n");
            List<ReportedRun> runs = groups.get(g).runs();
            grids(page, runs.get(0));
            for (ReportedRun run : runs.subList(1, runs.size())) {
                page.append("<details><summary>").append(escape(run.label())).append("</summary>\n");
                grids(page, run);
                page.append("</details>\n");
            }
        }
        page.append("</section>\n");
    }

    private static void grids(StringBuilder page, ReportedRun run) {
        if (run.grids().isEmpty()) {
            page.append("<p>No pictures yet. <code>runtime.previewEvery</code> draws some while training.</p>\n");
        } else if (!run.classes().names().isEmpty()) {
            page.append("<p class=\"quiet\">All classes in turn, row by row: ")
                    .append(escape(run.classes().text()))
                    .append(".</p>\n");
        }
        page.append("<div class=\"grids\">\n");
        for (ReportedRun.Grid grid : run.grids()) {
            page.append(String.format(
                    Locale.ROOT,
                    "<figure><img src=\"%s\" width=\"%d\" height=\"%d\" alt=\"samples of %s at step %d\"/>"
                            + "<figcaption>step %,d%s</figcaption></figure>%n",
                    Markup.dataUri(grid.picture()),
                    grid.width(),
                    grid.height(),
                    escape(run.label()),
                    grid.step(),
                    grid.step(),
                    grid.link() == null ? "" : ", <a href=\"" + escape(grid.link()) + "\">all its pixels</a>"));
        }
        page.append("</div>\n");
    }

    private void sources(StringBuilder page) {
        open(page, "Where it comes from");
        for (int g = 0; g < groups.size(); g++) {
            folded(page, key(g) + ": config.yaml", groups.get(g).first().facts().text());
        }
        once(page, "Versions, machine, origin of the settings", ReportedRun::provenance);
        once(page, "Who made the training pictures", ReportedRun::attribution);
        page.append("</section>\n");
    }

    /** A text that many runs have, once. */
    private void once(StringBuilder page, String summary, Function<ReportedRun, String> text) {
        Map<String, List<String>> found = new LinkedHashMap<>();
        for (ReportedRun run : runs()) {
            found.computeIfAbsent(text.apply(run), key -> new ArrayList<>()).add(run.label());
        }
        found.forEach((value, names) -> folded(page, summary + ": " + escape(String.join(", ", names)), value));
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

    /** A group's line, as the charts draw it, and its name. */
    private String key(int group) {
        return swatch(group) + escape(groups.get(group).label());
    }

    /** A line as the charts draw it. */
    static String swatch(int group) {
        return "<svg class=\"key\" viewBox=\"0 0 26 8\" aria-hidden=\"true\"><path class=\"line r" + group % COLOURS
                + "\" d=\"M1 4H25\"/></svg>";
    }

    private static String resource(String name) {
        try (InputStream in = Objects.requireNonNull(ReportPage.class.getResourceAsStream(name), name)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
