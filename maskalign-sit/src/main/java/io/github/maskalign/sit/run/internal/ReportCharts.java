package io.github.maskalign.sit.run.internal;

import io.github.maskalign.sit.run.internal.Chart.ChartSheet;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.DoubleStream;

/** Which quantities are drawn, and how. */
public final class ReportCharts {
    private static final double SMOOTHING = 0.02;
    /** What a run learns first of all, by what it predicts. */
    static final Map<String, String> DENOISING;

    static {
        Map<String, String> names = new LinkedHashMap<>();
        names.put("loss/velocity", "velocity loss");
        names.put("loss/noise", "noise loss");
        DENOISING = Collections.unmodifiableMap(names);
    }

    private static final String METRICS = "eval/";
    private static final String ERROR = "_se";

    /** Errors and spreads, which stand beside their scores, and what an evaluation took. */
    private static final Pattern NO_SCORE =
            Pattern.compile("(.*)_s[ed]|eval/samples|eval/seconds|eval/protocol(?:_.*)?");

    private final List<RunGroup> groups;
    private final List<ReportedRun> runs;

    /**
     * One chart.
     *
     * @param chart how it is drawn
     * @param lines what is drawn
     */
    public record Drawing(Chart chart, List<Chart.Line> lines) {
        String svg() {
            return chart.svg(lines);
        }
    }

    /** Charts of the runs of these groups, with a line for each group. */
    public ReportCharts(List<RunGroup> groups) {
        this.groups = groups;
        runs = groups.stream().flatMap(group -> group.runs().stream()).toList();
    }

    List<Drawing> losses() {
        Map<String, String> titles = new LinkedHashMap<>();
        titles.put("loss", "Loss");
        DENOISING.forEach(
                (key, name) -> titles.put(key, name.substring(0, 1).toUpperCase(Locale.ROOT) + name.substring(1)));
        titles.put("loss/vlb", "Variational bound of the noise’s variance");
        titles.put("loss/features", "Feature loss");
        titles.put("loss/class", "Class token loss");
        titles.put("loss/align", "Alignment loss");
        runs.forEach(run -> run.stats().curves().keySet().stream()
                .filter(key -> key.startsWith("loss/"))
                .forEach(key -> titles.putIfAbsent(key, key)));
        List<Drawing> out = new ArrayList<>();
        titles.forEach((key, title) -> add(out, new Chart(title, false, SMOOTHING), key));
        return out;
    }

    List<Drawing> metrics() {
        List<Drawing> out = new ArrayList<>();
        for (String key : scores(runs)) {
            add(out, new Chart(ScoreId.title(key.substring(METRICS.length())), false, 0), key);
        }
        return out;
    }

    /** Returns the names of all scores that runs recorded while they went on. */
    static SortedSet<String> scores(List<ReportedRun> runs) {
        SortedSet<String> keys = new TreeSet<>();
        runs.forEach(run -> run.stats().curves().keySet().stream()
                .filter(key ->
                        key.startsWith(METRICS) && isScore(key, run.stats().curves()))
                .forEach(keys::add));
        return keys;
    }

    private static boolean isScore(String key, Map<String, Curve> curves) {
        Matcher other = NO_SCORE.matcher(key);
        return !other.matches() || other.group(1) != null && !curves.containsKey(other.group(1));
    }

    List<Drawing> speed() {
        List<Drawing> out = new ArrayList<>();
        Chart chart = new Chart("Pictures a second", false, SMOOTHING);
        List<Chart.Line> rates = new ArrayList<>();
        for (int g = 0; g < groups.size(); g++) {
            List<Curve> curves = groups.get(g).runs().stream()
                    .flatMap(run -> run.rates().stream())
                    .toList();
            rates.addAll(Chart.Line.of(g, curves, chart));
        }
        addIfFinite(out, new Drawing(chart, rates));
        add(out, new Chart("Resident memory, MB", false, SMOOTHING), "memory/resident_mb");
        return out;
    }

    List<Drawing> optimisation() {
        List<Drawing> out = new ArrayList<>();
        add(out, new Chart("Gradient norm", true, SMOOTHING), "grad_norm");
        add(out, new Chart("Learning rate", false, SMOOTHING), "lr");
        boolean skipped = runs.stream().anyMatch(run -> last(run, "skipped") > 0);
        if (skipped) {
            add(out, new Chart("Skipped steps so far", false, SMOOTHING), "skipped");
        }
        return out;
    }

    /** Returns all charts as PNG files by name. */
    public Map<String, Png> pngs() {
        Map<String, Png> out = new LinkedHashMap<>();
        List<Drawing> all = new ArrayList<>(losses());
        all.addAll(metrics());
        all.addAll(speed());
        all.addAll(optimisation());
        for (Drawing drawing : all) {
            String title = drawing.chart().title();
            List<Chart.Line> lines = drawing.lines().stream()
                    .map(line -> line.named(groups.get(line.run()).label()))
                    .toList();
            out.put(
                    title.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "-") + ".png",
                    drawing.chart().png(ChartSheet.FILE, title, lines));
        }
        return out;
    }

    /** Returns the last average of a quantity; NaN if it was not recorded. */
    static double last(ReportedRun run, String key) {
        Curve curve = run.stats().curves().get(key);
        if (curve == null) {
            return Double.NaN;
        }
        double[] values = new Chart(key, false, SMOOTHING).averaged(curve).values();
        return values[values.length - 1];
    }

    private void add(List<Drawing> out, Chart chart, String key) {
        List<Chart.Line> lines = new ArrayList<>();
        for (int g = 0; g < groups.size(); g++) {
            RunGroup group = groups.get(g);
            List<Curve> curves = group.runs().stream()
                    .flatMap(run -> run.stats().curves(List.of(key)).stream())
                    .toList();
            if (group.isAlone() && !curves.isEmpty()) {
                Curve errors = group.first().stats().curves().get(key + ERROR);
                lines.add(new Chart.Line(g, curves.get(0), errors));
            } else {
                lines.addAll(Chart.Line.of(g, curves, chart));
            }
        }
        addIfFinite(out, new Drawing(chart, lines));
    }

    private static void addIfFinite(List<Drawing> out, Drawing drawing) {
        List<Chart.Line> drawable = drawing.lines().stream()
                .filter(line -> DoubleStream.of(line.curve().values()).anyMatch(Double::isFinite))
                .toList();
        if (!drawable.isEmpty()) {
            out.add(new Drawing(drawing.chart(), drawable));
        }
    }
}
