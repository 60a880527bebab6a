package io.github.maskalign.sit.run.internal;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A chart over the steps of runs as SVG that takes its colours from the page.
 *
 * @param title what it shows
 * @param logarithmic whether the y axis is logarithmic
 * @param smoothing share of the points that the average reaches to both sides; 0 draws points and their errors instead
 */
record SvgChart(String title, boolean logarithmic, double smoothing) {
    private static final int WIDTH = 440;
    private static final int HEIGHT = 270;
    private static final int LEFT = 52;
    private static final int RIGHT = 10;
    private static final int TOP = 8;
    private static final int BOTTOM = 38;
    private static final int MOST_POINTS = 500;
    private static final double OUTLIERS = 0.02;

    /**
     * A curve of a run.
     *
     * @param run number of the run, which decides colour and dashes
     * @param curve its points
     * @param errors their errors, at the same steps; null if there are none
     */
    record Line(int run, Curve curve, @Nullable Curve errors) {}

    /** Returns the chart; lines without a finite value are left out. */
    String draw(List<Line> lines) {
        Axis x = Axis.around(all(lines.stream().map(line -> line.curve().steps())), false);
        Axis y = Axis.around(all(lines.stream().map(this::extent)), logarithmic);
        StringBuilder svg = new StringBuilder(4096);
        svg.append(String.format(
                Locale.ROOT,
                "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s over steps\">%n",
                WIDTH,
                HEIGHT,
                Markup.escape(title)));
        for (double tick : y.ticks()) {
            double at = down(y, tick);
            svg.append(String.format(
                    Locale.ROOT,
                    "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" class=\"y\">%s</text>%n",
                    LEFT,
                    at,
                    WIDTH - RIGHT,
                    LEFT - 6,
                    at + 4,
                    Axis.text(tick)));
        }
        for (double tick : x.ticks()) {
            svg.append(String.format(
                    Locale.ROOT,
                    "<text x=\"%.1f\" y=\"%d\" class=\"x\">%s</text>%n",
                    across(x, tick),
                    HEIGHT - BOTTOM + 17,
                    Axis.text(tick)));
        }
        svg.append(String.format(
                Locale.ROOT,
                "<text x=\"%d\" y=\"%d\" class=\"x\">step</text>%n<svg x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\""
                        + " viewBox=\"%d %d %d %d\">%n",
                (LEFT + WIDTH - RIGHT) / 2,
                HEIGHT - 4,
                LEFT,
                TOP,
                WIDTH - LEFT - RIGHT,
                HEIGHT - TOP - BOTTOM,
                LEFT,
                TOP,
                WIDTH - LEFT - RIGHT,
                HEIGHT - TOP - BOTTOM)); // the inner picture cuts off what reaches beyond the axes
        for (Line line : lines) {
            draw(svg, line, x, y);
        }
        return svg.append("</svg></svg>\n").toString();
    }

    private void draw(StringBuilder svg, Line line, Axis x, Axis y) {
        String run = "r" + line.run() % ReportPage.COLOURS;
        Curve raw = Smoothing.thin(line.curve().measured(), MOST_POINTS);
        if (smoothing > 0) {
            path(svg, "raw " + run, raw, x, y);
            path(svg, "line " + run, Smoothing.thin(averaged(line.curve()), MOST_POINTS), x, y);
            return;
        }
        path(svg, "line " + run, raw, x, y);
        for (int i = 0; i < line.curve().values().length; i++) {
            double step = line.curve().steps()[i];
            double value = line.curve().values()[i];
            if (!Double.isFinite(y.place(value))) {
                continue;
            }
            double error = error(line.errors(), step);
            if (error > 0) {
                svg.append(String.format(
                        Locale.ROOT,
                        "<path class=\"line %s\" d=\"M%.1f %.1fV%.1f\"/>%n",
                        run,
                        across(x, step),
                        down(y, value - error),
                        down(y, value + error)));
            }
            svg.append(String.format(
                    Locale.ROOT,
                    "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.2\"/>%n",
                    run,
                    across(x, step),
                    down(y, value)));
        }
    }

    private static double error(@Nullable Curve errors, double step) {
        int at = errors == null ? -1 : Arrays.binarySearch(errors.steps(), step);
        return errors == null || at < 0 ? 0 : errors.values()[at];
    }

    private static void path(StringBuilder svg, String style, Curve curve, Axis x, Axis y) {
        StringBuilder d = new StringBuilder();
        boolean pen = false;
        for (int i = 0; i < curve.values().length; i++) {
            boolean drawable = Double.isFinite(y.place(curve.values()[i]));
            if (drawable) {
                d.append(String.format(
                        Locale.ROOT,
                        "%s%.1f %.1f",
                        pen ? "L" : "M",
                        across(x, curve.steps()[i]),
                        down(y, curve.values()[i])));
            }
            pen = drawable; // a gap where there is no number
        }
        if (d.length() > 0) {
            svg.append("<path class=\"")
                    .append(style)
                    .append("\" d=\"")
                    .append(d)
                    .append("\"/>\n");
        }
    }

    /** Returns the average over neighbours. */
    Curve averaged(Curve curve) {
        int reach = (int) Math.ceil(smoothing * curve.values().length);
        return new Curve(curve.label(), curve.steps(), Smoothing.average(curve.values(), reach));
    }

    /** What the y axis must hold: the average, and what was measured but for a few outliers. */
    private double[] extent(Line line) {
        if (smoothing == 0) {
            double[] values = line.curve().values();
            Curve errors = line.errors();
            return DoubleStream.concat(
                            DoubleStream.of(values),
                            errors == null
                                    ? DoubleStream.empty()
                                    : IntStream.range(0, values.length)
                                            .mapToDouble(i -> values[i]
                                                    + error(errors, line.curve().steps()[i])))
                    .toArray();
        }
        double[] sorted = DoubleStream.of(line.curve().measured().values())
                .filter(Double::isFinite)
                .sorted()
                .toArray();
        int cut = (int) (OUTLIERS * sorted.length);
        return DoubleStream.concat(
                        DoubleStream.of(averaged(line.curve()).values()),
                        Arrays.stream(sorted, cut, Math.max(cut, sorted.length - cut)))
                .toArray();
    }

    private static double across(Axis x, double step) {
        return LEFT + x.place(step) * (WIDTH - LEFT - RIGHT);
    }

    private static double down(Axis y, double value) {
        double place = Math.max(-1, Math.min(2, y.place(value)));
        return HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM);
    }

    private static double[] all(Stream<double[]> parts) {
        return parts.flatMapToDouble(DoubleStream::of).toArray();
    }
}
