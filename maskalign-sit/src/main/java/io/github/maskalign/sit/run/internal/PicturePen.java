package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.image.Picture;
import io.github.maskalign.sit.run.internal.Chart.ChartPen;
import io.github.maskalign.sit.run.internal.Chart.ChartSheet;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.FontMetrics;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Line2D;
import java.awt.geom.Path2D;
import java.awt.image.BufferedImage;
import java.util.List;

/** Draws charts as pictures. */
final class PicturePen implements ChartPen, AutoCloseable {
    private static final Color INK = new Color(0x27272A);
    private static final Color QUIET = new Color(0x71717A);
    private static final Color GRID = new Color(0xE8E8EC);
    private static final Color BEHIND_LEGEND = new Color(255, 255, 255, 225);
    private static final int PALE = 70;
    private static final int BAND = 40;
    private static final int SAMPLE = 28;
    private static final int PADDING = 10;
    private static final int LINE_HEIGHT = 26;
    private static final Font HEADLINE = new Font(Font.SANS_SERIF, Font.BOLD, 20);
    private static final Font NAME = new Font(Font.SANS_SERIF, Font.PLAIN, 16);
    private static final Font NUMBER = new Font(Font.SANS_SERIF, Font.PLAIN, 15);
    private static final BasicStroke HAIR = new BasicStroke(1f);
    private static final BasicStroke THIN = new BasicStroke(1.2f);
    private static final BasicStroke THICK = new BasicStroke(2.6f, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND);

    /** Told apart also by people who do not see red and green; in the order of use. */
    private static final List<Color> COLOURS = List.of(
            new Color(0x2563EB),
            new Color(0xEA580C),
            new Color(0x059669),
            new Color(0x9333EA),
            new Color(0xDB2777),
            new Color(0x0891B2),
            new Color(0xA16207),
            new Color(0x52525B),
            new Color(0x65A30D),
            new Color(0x7F1D1D));

    private final ChartSheet sheet;
    private final BufferedImage image;
    private final Graphics2D graphics;
    private int legendLines;

    PicturePen(ChartSheet sheet) {
        this.sheet = sheet;
        image = new BufferedImage(sheet.width(), sheet.height(), BufferedImage.TYPE_INT_RGB);
        graphics = image.createGraphics();
        graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
        graphics.setRenderingHint(RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
        graphics.setRenderingHint(RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
        graphics.setColor(Color.WHITE);
        graphics.fillRect(0, 0, sheet.width(), sheet.height());
    }

    @Override
    public void rule(double y, String number) {
        graphics.setColor(GRID);
        graphics.setStroke(HAIR);
        graphics.draw(new Line2D.Double(sheet.left(), y, sheet.width() - sheet.right(), y));
        FontMetrics metrics = ink(QUIET, NUMBER);
        graphics.drawString(number, sheet.left() - 10 - metrics.stringWidth(number), (float) y + 5);
    }

    @Override
    public void step(double x, String number) {
        FontMetrics metrics = ink(QUIET, NUMBER);
        graphics.drawString(number, (float) x - metrics.stringWidth(number) / 2f, sheet.height() - sheet.bottom() + 24);
    }

    @Override
    public void openPlot() {
        graphics.setClip(sheet.left(), sheet.top(), sheet.plotWidth(), sheet.plotHeight());
    }

    @Override
    public void curve(int run, boolean faint, double[] x, double[] y) {
        Path2D path = new Path2D.Double();
        boolean down = false;
        for (int i = 0; i < x.length; i++) {
            boolean drawable = Double.isFinite(y[i]);
            if (drawable && down) {
                path.lineTo(x[i], y[i]);
            } else if (drawable) {
                path.moveTo(x[i], y[i]);
                path.lineTo(x[i], y[i]); // a point alone is drawn too
            }
            down = drawable;
        }
        Color full = colour(run);
        graphics.setColor(faint ? new Color(full.getRed(), full.getGreen(), full.getBlue(), PALE) : full);
        graphics.setStroke(faint ? THIN : THICK);
        graphics.draw(path);
    }

    @Override
    public void band(int run, double[] x, double[] low, double[] high) {
        Path2D path = new Path2D.Double();
        path.moveTo(x[0], high[0]);
        for (int i = 1; i < x.length; i++) {
            path.lineTo(x[i], high[i]);
        }
        for (int i = x.length - 1; i >= 0; i--) {
            path.lineTo(x[i], low[i]);
        }
        path.closePath();
        Color full = colour(run);
        graphics.setColor(new Color(full.getRed(), full.getGreen(), full.getBlue(), BAND));
        graphics.fill(path);
    }

    @Override
    public void dot(int run, double x, double y) {
        graphics.setColor(colour(run));
        graphics.fill(new Ellipse2D.Double(x - 4, y - 4, 8, 8));
    }

    /** Writes the headline and the names of the axes; no curve comes after it. */
    void head(String title, String quantity, String steps) {
        graphics.setClip(null);
        FontMetrics metrics = ink(INK, HEADLINE);
        graphics.drawString(title, (sheet.width() - metrics.stringWidth(title)) / 2, 38);
        metrics = ink(INK, NAME);
        int middle = sheet.left() + (sheet.plotWidth() - metrics.stringWidth(steps)) / 2;
        graphics.drawString(steps, middle, sheet.height() - 20);
        double down = sheet.top() + (sheet.plotHeight() + metrics.stringWidth(quantity)) / 2.0;
        graphics.translate(30, down);
        graphics.rotate(-Math.PI / 2);
        graphics.drawString(quantity, 0, 0);
        graphics.rotate(Math.PI / 2);
        graphics.translate(-30, -down);
    }

    /** Adds a line to the legend in the top right corner of the plot. */
    void legend(int run, String text) {
        FontMetrics metrics = graphics.getFontMetrics(NAME);
        int width = SAMPLE + 3 * PADDING + metrics.stringWidth(text);
        int left = sheet.width() - sheet.right() - width;
        int top = sheet.top() + legendLines * LINE_HEIGHT;
        graphics.setColor(BEHIND_LEGEND);
        graphics.fillRect(left, top, width, LINE_HEIGHT);
        graphics.setColor(colour(run));
        graphics.setStroke(THICK);
        double middle = top + LINE_HEIGHT / 2.0;
        graphics.draw(new Line2D.Double(left + PADDING, middle, left + PADDING + SAMPLE, middle));
        ink(INK, NAME);
        graphics.drawString(text, left + 2 * PADDING + SAMPLE, top + LINE_HEIGHT - 8);
        legendLines++;
    }

    /** Returns a copy of what was drawn. */
    Picture picture() {
        byte[] pixels = new byte[Math.multiplyExact(3, Math.multiplyExact(sheet.width(), sheet.height()))];
        for (int y = 0, i = 0; y < sheet.height(); y++) {
            for (int x = 0; x < sheet.width(); x++) {
                int rgb = image.getRGB(x, y);
                pixels[i++] = (byte) (rgb >> 16);
                pixels[i++] = (byte) (rgb >> 8);
                pixels[i++] = (byte) rgb;
            }
        }
        return Picture.of(sheet.width(), sheet.height(), pixels);
    }

    @Override
    public void close() {
        graphics.dispose();
    }

    private FontMetrics ink(Color colour, Font font) {
        graphics.setColor(colour);
        graphics.setFont(font);
        return graphics.getFontMetrics();
    }

    private static Color colour(int run) {
        return COLOURS.get(run % COLOURS.size());
    }
}
