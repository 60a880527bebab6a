package io.github.maskalign.sit.run.internal;

import io.github.maskalign.sit.run.internal.Chart.ChartSheet;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.DoubleStream;

/** Which quantities are drawn, and how. */
public final class ReportCharts {
    private static final double SMOOTHING = 0.02;
    private static final String METRICS = "eval/";
    private static final String ERROR = "_se";

    /** Parts of the names of what is no score: errors, spreads, and what an evaluation took. */
    private static final Pattern NO_SCORE = Pattern.compile(".*_s[ed]|eval/samples|eval/seconds");

    private final List<ReportedRun> runs;

    /**
     * One chart.
     *
     * @param chart how it is drawn
     * @param lines what is drawn
     */
    record Drawing(Chart chart, List<Chart.Line> lines) {
        String svg() {
            return chart.svg(lines);
        }
    }

    /** Charts of these runs. */
    public ReportCharts(List<ReportedRun> runs) {
        this.runs = runs;
    }

    List<Drawing> losses() {
        Map<String, String> titles = new LinkedHashMap<>();
        titles.put("loss", "Loss");
        titles.put("loss/velocity", "Velocity loss");
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
        SortedSet<String> keys = new TreeSet<>();
        runs.forEach(run -> run.stats().curves().keySet().stream()
                .filter(key -> key.startsWith(METRICS) && !NO_SCORE.matcher(key).matches())
                .forEach(keys::add));
        List<Drawing> out = new ArrayList<>();
        for (String key : keys) {
            add(out, new Chart(title(key.substring(METRICS.length())), false, 0), key);
        }
        return out;
    }

    List<Drawing> speed() {
        List<Drawing> out = new ArrayList<>();
        List<Chart.Line> rates = new ArrayList<>();
        for (int r = 0; r < runs.size(); r++) {
            for (Curve rate : runs.get(r).rates()) {
                rates.add(new Chart.Line(r, rate, null));
            }
        }
        addIfFinite(out, new Drawing(new Chart("Pictures a second", false, SMOOTHING), rates));
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
                    .map(line -> new Chart.Line(
                            line.run(), line.curve().named(runs.get(line.run()).label()), line.errors()))
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
        for (int r = 0; r < runs.size(); r++) {
            Map<String, Curve> curves = runs.get(r).stats().curves();
            Curve curve = curves.get(key);
            if (curve != null) {
                lines.add(new Chart.Line(r, curve, curves.get(key + ERROR)));
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

    private static String title(String metric) {
        return switch (metric) {
            case "fid" -> "FID";
            case "sfid" -> "sFID";
            case "is" -> "Inception Score";
            case "frechet" -> "Fréchet distance (not FID)";
            case "kernel" -> "Kernel distance (not KID)";
            case "kid" -> "KID";
            case "precision" -> "Precision";
            case "recall" -> "Recall";
            default -> metric;
        };
    }
}
