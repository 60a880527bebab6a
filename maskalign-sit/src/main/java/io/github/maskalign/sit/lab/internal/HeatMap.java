package io.github.maskalign.sit.lab.internal;

import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.image.PictureWriter;
import java.awt.Color;
import java.awt.Font;
import java.awt.FontMetrics;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Numbers on a grid as colours, with the bar that says which is which.
 *
 * @param title headline
 * @param values row-major; NaN is left white
 * @param rows names of the rows; empty for none
 * @param columns names of the columns; empty for none
 * @param width number of columns
 * @param low number of the darkest colour
 * @param high number of the brightest colour
 */
record HeatMap(
        String title, double[] values, List<String> rows, List<String> columns, int width, double low, double high) {
    /** Viridis of matplotlib 3 (van der Walt and Smith, CC0) at nine equal steps. */
    private static final int[] COLOURS = {
        0x440154, 0x472D7B, 0x3B528B, 0x2C728E, 0x21918C, 0x28AE80, 0x5EC962, 0xADDC30, 0xFDE725
    };

    private static final Color INK = new Color(0x27272A);
    private static final Color QUIET = new Color(0x71717A);
    private static final Font HEADLINE = new Font(Font.SANS_SERIF, Font.BOLD, 17);
    private static final Font TITLE = new Font(Font.SANS_SERIF, Font.PLAIN, 14);
    private static final Font NUMBER = new Font(Font.SANS_SERIF, Font.PLAIN, 13);
    private static final int CELLS = 288;
    private static final int LABELS = 46;
    private static final int PANEL = LABELS + CELLS + 76;
    private static final int TOP = 30;
    private static final int BELOW = 26;
    private static final int HEAD = 34;

    /** A map over the grid of tokens, in a range of its own: least to greatest number. */
    static HeatMap automatic(String title, double[] map, int grid) {
        double low = Arrays.stream(map).min().orElse(0);
        double high = Arrays.stream(map).max().orElse(1);
        return new HeatMap(title, map, List.of(), List.of(), grid, low, high > low ? high : low + 1e-9);
    }

    /** A map over the grid of tokens in a given range. */
    static HeatMap fixed(String title, double[] map, int grid, double low, double high) {
        return new HeatMap(title, map, List.of(), List.of(), grid, low, high);
    }

    private int height() {
        return values.length / width;
    }

    private int panelHeight() {
        return TOP + (int) Math.min(CELLS, Math.round((double) CELLS * height() / width)) + BELOW;
    }

    /** Returns a PNG file of several maps, so many side by side. */
    static byte[] png(String headline, List<HeatMap> maps, int across) {
        int tall = maps.stream().mapToInt(HeatMap::panelHeight).max().orElse(0);
        int lines = (maps.size() + across - 1) / across;
        int wide = Math.min(across, maps.size()) * PANEL;
        BufferedImage image = new BufferedImage(wide, HEAD + lines * tall, BufferedImage.TYPE_INT_RGB);
        Graphics2D pen = image.createGraphics();
        try {
            pen.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
            pen.setRenderingHint(RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
            pen.setColor(Color.WHITE);
            pen.fillRect(0, 0, image.getWidth(), image.getHeight());
            pen.setColor(INK);
            pen.setFont(HEADLINE);
            pen.drawString(headline, 10, 24);
            for (int i = 0; i < maps.size(); i++) {
                maps.get(i).draw(pen, i % across * PANEL, HEAD + i / across * tall);
            }
        } finally {
            pen.dispose();
        }
        int pixels = image.getWidth() * image.getHeight();
        byte[] rgb = new byte[Math.multiplyExact(3, pixels)];
        for (int i = 0; i < pixels; i++) {
            int value = image.getRGB(i % image.getWidth(), i / image.getWidth());
            rgb[3 * i] = (byte) (value >> 16);
            rgb[3 * i + 1] = (byte) (value >> 8);
            rgb[3 * i + 2] = (byte) value;
        }
        Picture picture = Picture.of(image.getWidth(), image.getHeight(), rgb);
        return PictureWriter.png(picture, PictureWriter.Packing.DEFLATED);
    }

    private void draw(Graphics2D pen, int x, int y) {
        pen.setFont(TITLE);
        pen.setColor(INK);
        pen.drawString(title, x + 10, y + 20);
        int left = x + (rows.isEmpty() ? 10 : LABELS);
        int top = y + TOP;
        int tall = panelHeight() - TOP - BELOW;
        for (int i = 0; i < values.length; i++) {
            int row = i / width;
            int column = i % width;
            int fromX = left + column * CELLS / width;
            int fromY = top + row * tall / height();
            pen.setColor(Double.isNaN(values[i]) ? Color.WHITE : colour((values[i] - low) / (high - low)));
            pen.fillRect(
                    fromX,
                    fromY,
                    left + (column + 1) * CELLS / width - fromX,
                    top + (row + 1) * tall / height() - fromY);
        }
        pen.setFont(NUMBER);
        pen.setColor(QUIET);
        FontMetrics metrics = pen.getFontMetrics();
        for (int row = 0; row < rows.size(); row++) {
            String name = rows.get(row);
            int middle = top + (2 * row + 1) * tall / (2 * height()) + 5;
            pen.drawString(name, left - 6 - metrics.stringWidth(name), middle);
        }
        int step = Math.max(1, (columns.size() + 11) / 12);
        for (int column = 0; column < columns.size(); column += step) {
            String name = columns.get(column);
            int middle = left + (2 * column + 1) * CELLS / (2 * width);
            pen.drawString(name, middle - metrics.stringWidth(name) / 2, top + tall + 16);
        }
        bar(pen, left + CELLS + 12, top, tall);
    }

    private void bar(Graphics2D pen, int x, int top, int tall) {
        for (int i = 0; i < tall; i++) {
            pen.setColor(colour(1 - (i + 0.5) / tall));
            pen.fillRect(x, top + i, 14, 1);
        }
        pen.setColor(INK);
        pen.drawString(number(high), x + 19, top + 10);
        pen.drawString(number(low), x + 19, top + tall);
        if (tall > 90) {
            pen.drawString(number((low + high) / 2), x + 19, top + tall / 2 + 5);
        }
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, Math.abs(value) < 0.01 && value != 0 ? "%.1e" : "%.3f", value);
    }

    private static Color colour(double share) {
        double place = Math.min(1, Math.max(0, share)) * (COLOURS.length - 1);
        int below = Math.min((int) place, COLOURS.length - 2);
        double part = place - below;
        int rgb = 0;
        for (int shift = 16; shift >= 0; shift -= 8) {
            int a = COLOURS[below] >> shift & 0xFF;
            int b = COLOURS[below + 1] >> shift & 0xFF;
            rgb |= (int) Math.round(a + part * (b - a)) << shift;
        }
        return new Color(rgb);
    }
}
