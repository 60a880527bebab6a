package io.github.maskalign.sit.run.internal;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.DoubleFunction;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A chart over the steps of one or several runs: what was measured in pale, its average over neighbouring steps in full
 * colour. It is laid out in one way, whether it becomes SVG in a page or a PNG file.
 *
 * @param title what it shows
 * @param logarithmic whether the y axis is logarithmic; values {@code <= 0} are then left out
 * @param smoothing how far the average reaches to both sides, as a share of the points of a curve, in [0, 0.5); 0 draws
 *     points and their errors instead
 * @param across what the x axis counts
 */
public record Chart(String title, boolean logarithmic, double smoothing, String across) {
    private static final int MOST_DOTS = 40;

    /** A chart over steps. */
    public Chart(String title, boolean logarithmic, double smoothing) {
        this(title, logarithmic, smoothing, "step");
    }

    /** Checks the range. */
    public Chart {
        if (!(smoothing >= 0 && smoothing < 0.5)) {
            throw new IllegalArgumentException("smoothing must be in [0, 0.5) but was " + smoothing);
        }
    }

    /**
     * A curve of a run, or the mean of several.
     *
     * @param run number of the run or group, which decides colour and dashes
     * @param curve its points
     * @param errors their errors, at the same steps; null if there are none
     * @param members the curves whose mean it is, {@code errors} being their deviation; empty for a curve of a run
     */
    public record Line(int run, Curve curve, @Nullable Curve errors, List<Curve> members) {
        /** A curve of a run. */
        public Line(int run, Curve curve, @Nullable Curve errors) {
            this(run, curve, errors, List.of());
        }

        /** Returns curves of a number each, in their order. */
        static List<Line> of(List<Curve> curves) {
            return IntStream.range(0, curves.size())
                    .mapToObj(i -> new Line(i, curves.get(i), null))
                    .toList();
        }

        boolean isMean() {
            return !members.isEmpty();
        }

        Line named(String label) {
            return new Line(run, curve.named(label), errors, members);
        }

        /** Returns one line for each curve, or their mean if there are several with steps in common. */
        public static List<Line> of(int run, List<Curve> curves, Chart chart) {
            List<Curve> averaged = curves.stream().map(chart::averaged).toList();
            return MeanCurve.of(averaged, chart.smoothing > 0)
                    .map(mean -> List.of(new Line(run, mean.mean(), mean.deviation(), averaged)))
                    .orElseGet(() -> curves.stream()
                            .map(curve -> new Line(run, curve, null))
                            .toList());
        }
    }

    /** Returns the chart for a page, which gives it its colours; lines without a finite value are left out. */
    String svg(List<Line> lines) {
        SvgPen pen = new SvgPen(ChartSheet.PAGE, title, across);
        draw(lines, ChartSheet.PAGE, pen);
        return pen.svg();
    }

    /**
     * Returns the chart as a file, with its title and a legend that states the last value of each average.
     *
     * @param quantity name of the y axis, with its unit if it has one
     * @throws IllegalArgumentException if no curve has a point that can be drawn
     */
    Png png(ChartSheet sheet, String quantity, List<Line> lines) {
        List<Line> drawable = lines.stream().filter(this::isDrawable).toList();
        if (drawable.isEmpty()) {
            throw new IllegalArgumentException("chart '" + title + "' must be given at least one curve with a finite "
                    + (logarithmic ? "positive " : "") + "value");
        }
        PicturePen pen = new PicturePen(sheet);
        try {
            draw(drawable, sheet, pen);
            pen.head(title, quantity, across.equals("step") ? "optimiser steps" : across);
            for (Line line : drawable) {
                pen.legend(
                        line.run(), line.curve().label() + "   " + last(line, Chart::shortNumber, Markup::deviation));
            }
            return Png.of(pen.picture());
        } finally {
            pen.close();
        }
    }

    private boolean isDrawable(Line line) {
        return DoubleStream.of(line.curve().values()).anyMatch(v -> Double.isFinite(v) && !(logarithmic && v <= 0));
    }

    /** Returns the average over neighbours. */
    Curve averaged(Curve curve) {
        int reach = (int) Math.ceil(smoothing * curve.values().length);
        return new Curve(curve.label(), curve.steps(), Smoothing.average(curve.values(), reach));
    }

    /** Returns the average of a line: a mean of averages is one. */
    private Curve averaged(Line line) {
        return line.isMean() ? line.curve() : averaged(line.curve());
    }

    /** Returns the last average of a line, of a mean with its deviation. */
    String last(Line line, DoubleFunction<String> number, DoubleFunction<String> error) {
        double[] values = averaged(line).values();
        int at = values.length - 1;
        while (at > 0 && !Double.isFinite(values[at])) {
            at--;
        }
        String deviation = line.isMean() && line.errors() != null
                ? " ± " + error.apply(line.errors().values()[at])
                : "";
        return number.apply(values[at]) + deviation;
    }

    /** Lays the lines out. */
    void draw(List<Line> lines, ChartSheet sheet, ChartPen pen) {
        Axis x = Axis.around(all(lines.stream().map(line -> line.curve().steps())), false);
        Axis y = Axis.around(all(lines.stream().map(line -> extent(line, sheet.outliers()))), logarithmic);
        Plot plot = new Plot(sheet, pen, x, y);
        for (double tick : y.ticks()) {
            pen.rule(plot.down(tick), Axis.text(tick));
        }
        for (double tick : x.ticks()) {
            pen.step(plot.across(tick), Axis.text(tick));
        }
        pen.openPlot();
        lines.forEach(plot::band);
        for (Line line : lines) {
            if (line.isMean()) {
                line.members().forEach(member -> plot.curve(line.run(), true, member));
                plot.curve(line.run(), false, line.curve());
                plot.dots(line);
            } else if (smoothing > 0) {
                plot.curve(line.run(), true, line.curve().measured());
                plot.curve(line.run(), false, averaged(line.curve()));
            } else {
                plot.curve(line.run(), false, line.curve().measured());
                plot.points(line);
            }
        }
    }

    /** Where values lie on a sheet. */
    private record Plot(ChartSheet sheet, ChartPen pen, Axis x, Axis y) {
        void curve(int run, boolean faint, Curve whole) {
            Curve curve = Smoothing.thin(whole, sheet.mostPoints());
            pen.curve(
                    run,
                    faint,
                    DoubleStream.of(curve.steps()).map(this::across).toArray(),
                    DoubleStream.of(curve.values()).map(this::down).toArray());
        }

        /** The mean and a deviation to both sides. */
        void band(Line line) {
            Curve deviation = line.errors();
            if (!line.isMean() || deviation == null) {
                return;
            }
            Curve mean = line.curve();
            double[] low = new double[mean.values().length];
            double[] high = new double[low.length];
            for (int i = 0; i < low.length; i++) {
                low[i] = lowEnd(mean.values()[i] - deviation.values()[i]);
                high[i] = down(mean.values()[i] + deviation.values()[i]);
            }
            double[] steps = DoubleStream.of(mean.steps()).map(this::across).toArray();
            int every = Math.max(1, 2 * steps.length / sheet.mostPoints());
            int[] kept = IntStream.range(0, steps.length)
                    .filter(i -> i % every == 0 || i == steps.length - 1)
                    .toArray();
            pen.band(line.run(), at(steps, kept), at(low, kept), at(high, kept));
        }

        private static double[] at(double[] values, int[] places) {
            return IntStream.of(places).mapToDouble(i -> values[i]).toArray();
        }

        /** Points of a mean of which there are few. */
        void dots(Line line) {
            Curve mean = line.curve();
            for (int i = 0; i < mean.values().length && mean.values().length <= MOST_DOTS; i++) {
                pen.dot(line.run(), across(mean.steps()[i]), down(mean.values()[i]));
            }
        }

        void points(Line line) {
            for (int i = 0; i < line.curve().values().length; i++) {
                double step = line.curve().steps()[i];
                double value = line.curve().values()[i];
                if (!Double.isFinite(y.place(value))) {
                    continue;
                }
                double error = error(line.errors(), step);
                double at = across(step);
                if (error > 0) {
                    pen.curve(line.run(), false, new double[] {at, at}, new double[] {
                        lowEnd(value - error), down(value + error)
                    });
                }
                pen.dot(line.run(), at, down(value));
            }
        }

        /** An error may reach below what a logarithmic axis shows. */
        private double lowEnd(double value) {
            return Double.isFinite(y.place(value)) ? down(value) : sheet.height() - sheet.bottom();
        }

        double across(double step) {
            return sheet.left() + x.place(step) * sheet.plotWidth();
        }

        /** Returns a place that is not finite for what has none on the axis. */
        double down(double value) {
            double place = y.place(value);
            return Double.isFinite(place)
                    ? sheet.height() - sheet.bottom() - Math.max(-1, Math.min(2, place)) * sheet.plotHeight()
                    : Double.NaN;
        }
    }

    private static double error(@Nullable Curve errors, double step) {
        int at = errors == null ? -1 : Arrays.binarySearch(errors.steps(), step);
        return errors == null || at < 0 ? 0 : errors.values()[at];
    }

    /** What the y axis must hold: the average, and what was measured but for a few outliers. */
    private double[] extent(Line line, double outliers) {
        if (line.isMean()) {
            Stream<Curve> members = line.members().stream();
            return Stream.concat(members, Stream.of(line.curve()))
                    .flatMapToDouble(curve -> DoubleStream.of(curve.values()))
                    .toArray();
        }
        if (smoothing == 0) {
            double[] values = line.curve().values();
            double[] steps = line.curve().steps();
            IntStream all = IntStream.range(0, values.length);
            return DoubleStream.concat(
                            DoubleStream.of(values), all.mapToDouble(i -> values[i] + error(line.errors(), steps[i])))
                    .toArray();
        }
        double[] sorted = DoubleStream.of(line.curve().measured().values())
                .filter(v -> Double.isFinite(v) && !(logarithmic && v <= 0))
                .sorted()
                .toArray();
        int cut = (int) (outliers * sorted.length);
        return DoubleStream.concat(
                        DoubleStream.of(averaged(line.curve()).values()),
                        Arrays.stream(sorted, cut, Math.max(cut, sorted.length - cut)))
                .toArray();
    }

    private static double[] all(Stream<double[]> parts) {
        return parts.flatMapToDouble(DoubleStream::of).toArray();
    }

    /** Four digits, with k and M for large numbers: 0.4312, 12.5k, 1.2M. */
    static String shortNumber(double value) {
        double size = Math.abs(value);
        if (size >= 1e6) {
            return digits(value / 1e6) + "M";
        }
        if (size >= 1e4) {
            return digits(value / 1e3) + "k";
        }
        return size != 0 && size < 1e-3 ? String.format(Locale.ROOT, "%.1e", value) : digits(value);
    }

    private static String digits(double value) {
        String text = String.format(Locale.ROOT, Math.abs(value) < 10 ? "%.4f" : "%.1f", value);
        return text.replaceAll("\\.?0+$", "");
    }

    /** What draws a chart that is laid out. All places are pixels of the sheet, from its top left corner. */
    interface ChartPen {
        /** Draws a line of the grid from the left to the right of the plot, and the number that it stands for. */
        void rule(double y, String number);

        /** Writes a step under the plot. */
        void step(double x, String number);

        /** Starts with the curves, which are cut off where the plot ends. */
        void openPlot();

        /**
         * Draws a curve; it has a gap where a place is not finite.
         *
         * @param run number of the run, which decides the colour
         * @param faint whether it stands behind another one
         */
        void curve(int run, boolean faint, double[] x, double[] y);

        /**
         * Fills what lies between two curves, behind all curves.
         *
         * @param low its lower end at each place, which is larger on a sheet than {@code high}
         */
        void band(int run, double[] x, double[] low, double[] high);

        /** Draws a point that stands for itself. */
        void dot(int run, double x, double y);
    }

    /**
     * How large a chart is and where its curves lie.
     *
     * @param width width in pixels
     * @param height height in pixels
     * @param left margin for the numbers of the y axis
     * @param right margin
     * @param top margin for a headline
     * @param bottom margin for the numbers of the x axis
     * @param mostPoints most points of a curve
     * @param outliers share of the smallest and of the largest measurements for which the axis makes no room, in [0, 0.5)
     */
    record ChartSheet(
            int width, int height, int left, int right, int top, int bottom, int mostPoints, double outliers) {
        /** Of a page, which writes headline and legend itself. */
        static final ChartSheet PAGE = new ChartSheet(440, 270, 52, 10, 8, 38, 500, 0.02);

        /** Of a file. */
        static final ChartSheet FILE = file(1200, 700);

        /** Returns a sheet with room for headline and names of the axes, at least 320 x 200 pixels. */
        static ChartSheet file(int width, int height) {
            if (width < 320 || height < 200) {
                throw new IllegalArgumentException(
                        "a chart must be at least 320 x 200 pixels but was " + width + " x " + height);
            }
            return new ChartSheet(width, height, 96, 24, 62, 76, 2000, 0);
        }

        int plotWidth() {
            return width - left - right;
        }

        int plotHeight() {
            return height - top - bottom;
        }
    }
}
