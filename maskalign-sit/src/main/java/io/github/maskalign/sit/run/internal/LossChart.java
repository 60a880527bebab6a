package io.github.maskalign.sit.run.internal;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.util.List;
import java.util.Locale;
import java.util.stream.DoubleStream;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendLayout;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.XYStyler;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * Draws curves over the steps of one or several runs: what was measured in pale, its average over neighbouring
 * steps in full colour. The legend states the last value of each average.
 *
 * @param title headline
 * @param quantity name of the y axis, with its unit if it has one
 * @param smoothing how far the average reaches to both sides, as a share of the points of a curve, in
 *     [0, 0.5); 0 draws the measurements alone
 * @param logarithmic whether the y axis is logarithmic; values {@code <= 0} are then left out
 * @param width width in pixels, {@code >= 320}
 * @param height height in pixels, {@code >= 200}
 */
public record LossChart(String title, String quantity, double smoothing, boolean logarithmic, int width, int height) {
    private static final int MOST_POINTS = 2000;
    private static final Color INK = new Color(0x27272A);
    private static final Color QUIET = new Color(0x71717A);
    private static final Color GRID = new Color(0xE8E8EC);
    private static final int PALE = 70;

    /** Told apart also by people who do not see red and green; in the order of use. */
    private static final List<Color> COLOURS = List.of(
            new Color(0x2563EB),
            new Color(0xEA580C),
            new Color(0x059669),
            new Color(0x9333EA),
            new Color(0xDB2777),
            new Color(0x0891B2),
            new Color(0xA16207),
            new Color(0x52525B));

    /** Checks the ranges. */
    public LossChart {
        if (!(smoothing >= 0 && smoothing < 0.5)) {
            throw new IllegalArgumentException("smoothing must be in [0, 0.5) but was " + smoothing);
        }
        if (width < 320 || height < 200) {
            throw new IllegalArgumentException(
                    "a chart must be at least 320 x 200 pixels but was " + width + " x " + height);
        }
    }

    /** A chart of 1200 x 700 pixels with a linear axis and a smoothing of 0.01. */
    public LossChart(String title, String quantity) {
        this(title, quantity, 0.01, false, 1200, 700);
    }

    /** Returns the same chart with another reach of the average. */
    public LossChart withSmoothing(double other) {
        return new LossChart(title, quantity, other, logarithmic, width, height);
    }

    /** Returns the same chart with a logarithmic or a linear y axis. */
    public LossChart withLogarithmic(boolean other) {
        return new LossChart(title, quantity, smoothing, other, width, height);
    }

    /**
     * Draws the curves.
     *
     * @throws IllegalArgumentException if no curve has a point that can be drawn
     */
    public Png draw(List<Curve> curves) {
        List<Curve> drawable = curves.stream()
                .map(this::withoutUndrawable)
                .filter(curve -> DoubleStream.of(curve.values()).anyMatch(Double::isFinite))
                .toList();
        if (drawable.isEmpty()) {
            throw new IllegalArgumentException("chart '" + title + "' must be given at least one curve with a finite "
                    + (logarithmic ? "positive " : "") + "value");
        }
        XYChart chart = new XYChartBuilder()
                .width(width)
                .height(height)
                .title(title)
                .xAxisTitle("optimiser steps")
                .yAxisTitle(quantity)
                .build();
        style(chart.getStyler(), drawable);
        for (int i = 0; i < drawable.size(); i++) {
            add(chart, i, drawable.get(i));
        }
        return Png.of(BitmapEncoder.getBufferedImage(chart));
    }

    private void add(XYChart chart, int index, Curve curve) {
        Color colour = COLOURS.get(index % COLOURS.size());
        double[] averaged = Smoothing.average(curve.values(), (int) Math.ceil(smoothing * curve.values().length));
        if (smoothing > 0) {
            Curve raw = Smoothing.thin(curve.measured(), MOST_POINTS);
            XYSeries measured = chart.addSeries(index + " measured", raw.steps(), raw.values());
            measured.setShowInLegend(false);
            measured.setLineColor(new Color(colour.getRed(), colour.getGreen(), colour.getBlue(), PALE));
            measured.setLineStyle(new BasicStroke(1.2f));
            measured.setMarker(SeriesMarkers.NONE);
        }
        Curve line = Smoothing.thin(new Curve(curve.label(), curve.steps(), averaged), MOST_POINTS);
        XYSeries average = chart.addSeries(String.valueOf(index), line.steps(), line.values());
        average.setLabel(curve.label() + "   " + shortNumber(lastFinite(averaged)));
        average.setLineColor(colour);
        average.setLineStyle(new BasicStroke(2.6f, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
        average.setMarker(SeriesMarkers.NONE);
    }

    private void style(XYStyler style, List<Curve> curves) {
        style.setBaseFont(new Font(Font.SANS_SERIF, Font.PLAIN, 16));
        style.setChartTitleFont(new Font(Font.SANS_SERIF, Font.BOLD, 20));
        style.setAxisTitleFont(new Font(Font.SANS_SERIF, Font.PLAIN, 16));
        style.setAxisTickLabelsFont(new Font(Font.SANS_SERIF, Font.PLAIN, 15));
        style.setLegendFont(new Font(Font.SANS_SERIF, Font.PLAIN, 16));
        style.setChartFontColor(INK);
        style.setAxisTickLabelsColor(QUIET);
        style.setChartTitlePadding(14);
        style.setChartPadding(18);
        style.setPlotMargin(0);
        style.setPlotContentSize(1.0);

        style.setChartBackgroundColor(Color.WHITE);
        style.setPlotBackgroundColor(Color.WHITE);
        style.setPlotBorderVisible(false);
        style.setPlotGridVerticalLinesVisible(false);
        style.setPlotGridLinesColor(GRID);
        style.setPlotGridLinesStroke(new BasicStroke(1f));
        style.setAxisTicksLineVisible(false);
        style.setAxisTicksMarksVisible(false);
        style.setAxisTickPadding(8);
        style.setXAxisTickMarkSpacingHint(110);
        style.setYAxisTickMarkSpacingHint(60);
        style.setLocale(Locale.ROOT);
        style.setXAxisTickLabelsFormattingFunction(LossChart::shortNumber);
        style.setYAxisTickLabelsFormattingFunction(LossChart::shortNumber);
        style.setYAxisLogarithmic(logarithmic);
        stepRange(style, curves);
        if (logarithmic) {
            logarithmicRange(style, curves);
        }

        style.setLegendPosition(LegendPosition.InsideNE);
        style.setLegendLayout(LegendLayout.Vertical);
        style.setLegendBackgroundColor(new Color(255, 255, 255, 225));
        style.setLegendBorderColor(new Color(255, 255, 255, 0));
        style.setLegendPadding(10);
        style.setLegendSeriesLineLength(28);
        style.setAntiAlias(true);
        style.setTextAntiAlias(true);
    }

    /** Starts at step 0, or where the runs start if that is far from it. */
    private static void stepRange(XYStyler style, List<Curve> curves) {
        double[] steps = curves.stream()
                .flatMapToDouble(curve -> DoubleStream.of(curve.steps()))
                .sorted()
                .toArray();
        double first = steps[0];
        double last = steps[steps.length - 1];
        double from = first < 0.1 * last ? 0 : first;
        double to = last > first ? last : first + 1;
        // a hair to the left: XChart numbers evenly spaced steps 6, 12, 18 unless the axis breaks the pattern
        style.setXAxisMin(from - 1e-3 * (to - from));
        style.setXAxisMax(to);
    }

    /** Ends a logarithmic axis at one-digit numbers, and labels those between unless there are too many. */
    private static void logarithmicRange(XYStyler style, List<Curve> curves) {
        double[] values = curves.stream()
                .flatMapToDouble(curve -> DoubleStream.of(curve.measured().values()))
                .filter(Double::isFinite)
                .sorted()
                .toArray();
        double low = oneDigit(values[0], false);
        double high = oneDigit(values[values.length - 1], true);
        // a hair outside, or XChart leaves the numbers at both ends out
        style.setYAxisMin(0.999 * low);
        style.setYAxisMax(1.001 * (high > low ? high : 2 * low));
        style.setYAxisLogarithmicDecadeOnly(high / low > 100);
    }

    private static double oneDigit(double value, boolean up) {
        double decade = Math.pow(10, Math.floor(Math.log10(value)));
        return decade * (up ? Math.ceil(value / decade) : Math.floor(value / decade));
    }

    private Curve withoutUndrawable(Curve curve) {
        return curve.mapped(v -> !Double.isFinite(v) || logarithmic && v <= 0 ? Double.NaN : v);
    }

    private static double lastFinite(double[] values) {
        for (int i = values.length - 1; i >= 0; i--) {
            if (Double.isFinite(values[i])) {
                return values[i];
            }
        }
        return Double.NaN;
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
}
