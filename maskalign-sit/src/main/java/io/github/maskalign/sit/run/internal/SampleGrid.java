package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.image.Picture;
import java.awt.Color;
import java.awt.Font;
import java.awt.FontMetrics;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Lays pictures out in rows on a light grey sheet, row by row from the top left, each with its caption below if there are
 * captions.
 *
 * @param columns pictures per row, {@code >= 1}
 * @param padding width of the gaps and of the margin in pixels of the sheet, {@code >= 0}
 * @param scale how many pixels of the sheet each side of a pixel takes, {@code >= 1}; no smoothing, so that
 *     small pictures show what the model drew
 */
public record SampleGrid(int columns, int padding, int scale) {
    private static final Logger LOG = LoggerFactory.getLogger(SampleGrid.class);
    private static final int SHEET = 0xE4E4E7;
    private static final Color PAPER = new Color(SHEET);
    private static final Color INK = new Color(0x27272A);
    private static final Font CAPTION = new Font(Font.SANS_SERIF, Font.PLAIN, 13);
    private static final int CAPTION_HEIGHT = 16;
    private static final int DESCENT = 4;
    private static final int SMALLEST_READABLE = 96;
    private static final int PADDING = 4;

    /** Checks the ranges. */
    public SampleGrid {
        if (columns < 1) {
            throw new IllegalArgumentException("columns of a sample grid must be at least 1 but was " + columns);
        }
        if (padding < 0) {
            throw new IllegalArgumentException("padding of a sample grid must be at least 0 but was " + padding);
        }
        if (scale < 1) {
            throw new IllegalArgumentException("scale of a sample grid must be at least 1 but was " + scale);
        }
    }

    /** Returns a layout near a square in which each picture is at least 96 pixels wide. */
    public static SampleGrid fitting(Pictures pictures) {
        int columns = (int) Math.ceil(Math.sqrt(pictures.count()));
        int scale = (SMALLEST_READABLE + pictures.width() - 1) / pictures.width();
        return new SampleGrid(columns, PADDING, scale);
    }

    /**
     * Tells before there are any pictures why a sheet of them near a square cannot be drawn.
     *
     * @param count number of square pictures
     * @param side their side in pixels
     * @param scale how many pixels of the sheet each side of a pixel takes
     * @param heap bytes of memory for pictures and sheet
     * @return what is said of so many pictures, such as {@code make a grid of ...}; empty if there is room
     */
    public static Optional<String> problem(int count, int side, int scale, long heap) {
        double columns = Math.ceil(Math.sqrt(count));
        double rows = Math.ceil(count / columns);
        double cell = (double) side * scale + PADDING;
        double sheet = (columns * cell + PADDING)
                * (rows * (cell + CAPTION_HEIGHT) + PADDING); // whole numbers, and too large for a long
        double pictures = 3.0 * count * side * side;
        double bytes = 3 * sheet;
        if (pictures <= Integer.MAX_VALUE && bytes <= Integer.MAX_VALUE && pictures + 2 * bytes <= heap) {
            return Optional.empty();
        }
        return Optional.of(String.format(
                Locale.ROOT,
                "make a grid of %.0f million pixels, which the heap of %d MiB cannot hold",
                Math.floor(sheet / 1e6),
                Runtime.getRuntime().maxMemory() >> 20));
    }

    /** Draws the pictures; a last row that is not full ends with empty sheet. */
    public Png draw(Pictures pictures) {
        return draw(pictures, List.of());
    }

    /**
     * Draws the pictures with captions; a last row that is not full ends with empty sheet. Where the system has no fonts,
     * there is a warning instead of captions.
     *
     * @param captions one for each picture, shortened where the picture is narrower; empty for none
     */
    public Png draw(Pictures pictures, List<String> captions) {
        int caption = captions.isEmpty() ? 0 : CAPTION_HEIGHT;
        int width =
                Math.addExact(Math.multiplyExact(Math.min(columns, pictures.count()), cellWidth(pictures)), padding);
        int rows = (pictures.count() + columns - 1) / columns;
        int height = Math.addExact(Math.multiplyExact(rows, cellHeight(pictures) + caption), padding);
        byte[] sheet = new byte[Math.multiplyExact(3, Math.multiplyExact(width, height))];
        for (int y = 0, at = 0; y < height; y++) {
            for (int x = 0; x < width; x++, at += 3) {
                set(sheet, at, rgb(pictures, x, y, cellHeight(pictures) + caption));
            }
        }
        if (!captions.isEmpty()) {
            try {
                caption(sheet, width, pictures, captions);
            } catch (RuntimeException | LinkageError | InternalError e) { // what a JDK without fonts throws differs
                LOG.warn("this system has no fonts for the names of classes below pictures: {}", e.toString());
                return draw(pictures);
            }
        }
        return Png.of(Picture.of(width, height, sheet));
    }

    private static void set(byte[] sheet, int at, int rgb) {
        sheet[at] = (byte) (rgb >> 16);
        sheet[at + 1] = (byte) (rgb >> 8);
        sheet[at + 2] = (byte) rgb;
    }

    private int rgb(Pictures pictures, int x, int y, int cellHeight) {
        int insideX = x % cellWidth(pictures) - padding;
        int insideY = y % cellHeight - padding;
        int picture = y / cellHeight * columns + x / cellWidth(pictures);
        boolean sheet =
                insideX < 0 || insideY < 0 || insideY >= pictures.height() * scale || picture >= pictures.count();
        return sheet ? SHEET : pictures.rgb(picture, insideY / scale, insideX / scale);
    }

    private int cellWidth(Pictures pictures) {
        return pictures.width() * scale + padding;
    }

    private int cellHeight(Pictures pictures) {
        return pictures.height() * scale + padding;
    }

    private void caption(byte[] sheet, int sheetWidth, Pictures pictures, List<String> captions) {
        int width = pictures.width() * scale;
        BufferedImage strip = new BufferedImage(width, CAPTION_HEIGHT, BufferedImage.TYPE_INT_RGB);
        Graphics2D pen = strip.createGraphics();
        pen.setRenderingHint(RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
        pen.setFont(CAPTION);
        for (int i = 0; i < pictures.count(); i++) {
            pen.setColor(PAPER);
            pen.fillRect(0, 0, width, CAPTION_HEIGHT);
            pen.setColor(INK);
            pen.drawString(shortened(captions.get(i), width, pen.getFontMetrics()), 0, CAPTION_HEIGHT - DESCENT);
            int left = i % columns * cellWidth(pictures) + padding;
            int top = (i / columns + 1) * (cellHeight(pictures) + CAPTION_HEIGHT) - CAPTION_HEIGHT;
            for (int y = 0; y < CAPTION_HEIGHT; y++) {
                for (int x = 0; x < width; x++) {
                    set(sheet, 3 * ((top + y) * sheetWidth + left + x), strip.getRGB(x, y));
                }
            }
        }
        pen.dispose();
    }

    private static String shortened(String text, int width, FontMetrics metrics) {
        if (metrics.stringWidth(text) <= width) {
            return text;
        }
        int end = text.length();
        while (end > 0 && metrics.stringWidth(text.substring(0, end) + "…") > width) {
            end = text.offsetByCodePoints(end, -1);
        }
        return end == 0 ? "" : text.substring(0, end) + "…";
    }
}
