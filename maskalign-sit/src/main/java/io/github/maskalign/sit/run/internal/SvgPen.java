package io.github.maskalign.sit.run.internal;

import io.github.maskalign.sit.run.internal.Chart.ChartPen;
import io.github.maskalign.sit.run.internal.Chart.ChartSheet;
import java.util.Locale;

/** Draws charts as SVG that takes its colours from the page. */
final class SvgPen implements ChartPen {
    private final ChartSheet sheet;
    private final String across;
    private final StringBuilder svg = new StringBuilder(4096);

    SvgPen(ChartSheet sheet, String title, String across) {
        this.sheet = sheet;
        this.across = across;
        add(
                "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s over %s\">%n",
                sheet.width(),
                sheet.height(),
                Markup.escape(title),
                across.equals("step") ? "steps" : Markup.escape(across));
    }

    @Override
    public void rule(double y, String number) {
        add(
                "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" class=\"y\">%s</text>%n",
                sheet.left(), y, sheet.width() - sheet.right(), sheet.left() - 6, y + 4, number);
    }

    @Override
    public void step(double x, String number) {
        add("<text x=\"%.1f\" y=\"%d\" class=\"x\">%s</text>%n", x, sheet.height() - sheet.bottom() + 17, number);
    }

    /** The inner picture cuts off what reaches beyond the axes. */
    @Override
    public void openPlot() {
        add(
                "<text x=\"%d\" y=\"%d\" class=\"x\">%s</text>%n",
                (sheet.left() + sheet.width() - sheet.right()) / 2, sheet.height() - 4, Markup.escape(across));
        add(
                "<svg x=\"%1$d\" y=\"%2$d\" width=\"%3$d\" height=\"%4$d\" viewBox=\"%1$d %2$d %3$d %4$d\">%n",
                sheet.left(), sheet.top(), sheet.plotWidth(), sheet.plotHeight());
    }

    @Override
    public void curve(int run, boolean faint, double[] x, double[] y) {
        StringBuilder d = new StringBuilder();
        boolean down = false;
        for (int i = 0; i < x.length; i++) {
            boolean drawable = Double.isFinite(y[i]);
            if (drawable) {
                d.append(String.format(Locale.ROOT, "%s%.1f %.1f", down ? "L" : "M", x[i], y[i]));
            }
            down = drawable;
        }
        if (d.length() > 0) {
            add("<path class=\"%s %s\" d=\"%s\"/>%n", faint ? "raw" : "line", style(run), d);
        }
    }

    @Override
    public void band(int run, double[] x, double[] low, double[] high) {
        StringBuilder d = new StringBuilder();
        for (int i = 0; i < x.length; i++) {
            d.append(String.format(Locale.ROOT, "%s%.1f %.1f", i == 0 ? "M" : "L", x[i], high[i]));
        }
        for (int i = x.length - 1; i >= 0; i--) {
            d.append(String.format(Locale.ROOT, "L%.1f %.1f", x[i], low[i]));
        }
        add("<path class=\"band %s\" d=\"%sZ\"/>%n", style(run), d);
    }

    @Override
    public void dot(int run, double x, double y) {
        add("<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.2\"/>%n", style(run), x, y);
    }

    /** Returns what was drawn; there is nothing to draw after it. */
    String svg() {
        return svg.append("</svg></svg>\n").toString();
    }

    private static String style(int run) {
        return "r" + run % ReportPage.COLOURS;
    }

    private void add(String format, Object... values) {
        svg.append(String.format(Locale.ROOT, format, values));
    }
}
