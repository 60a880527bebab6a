package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.image.Picture;
import java.util.Locale;
import java.util.Optional;

/**
 * Lays pictures out in rows on a light grey sheet, row by row from the top left.
 *
 * @param columns pictures per row, {@code >= 1}
 * @param padding width of the gaps and of the margin in pixels of the sheet, {@code >= 0}
 * @param scale how many pixels of the sheet each side of a pixel takes, {@code >= 1}; no smoothing, so that
 *     small pictures show what the model drew
 */
public record SampleGrid(int columns, int padding, int scale) {
    private static final int SHEET = 0xE4E4E7;
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
        double sheet = (columns * cell + PADDING) * (rows * cell + PADDING); // whole numbers, and too large for a long
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
        int shown = Math.min(columns, pictures.count());
        int rows = (pictures.count() + columns - 1) / columns;
        int cellWidth = pictures.width() * scale + padding;
        int cellHeight = pictures.height() * scale + padding;
        int width = Math.addExact(Math.multiplyExact(shown, cellWidth), padding);
        int height = Math.addExact(Math.multiplyExact(rows, cellHeight), padding);
        byte[] sheet = new byte[Math.multiplyExact(3, Math.multiplyExact(width, height))];
        for (int y = 0, at = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                int rgb = rgb(pictures, x, y);
                sheet[at++] = (byte) (rgb >> 16);
                sheet[at++] = (byte) (rgb >> 8);
                sheet[at++] = (byte) rgb;
            }
        }
        return Png.of(Picture.of(width, height, sheet));
    }

    private int rgb(Pictures pictures, int x, int y) {
        int cellWidth = pictures.width() * scale + padding;
        int cellHeight = pictures.height() * scale + padding;
        int insideX = x % cellWidth - padding;
        int insideY = y % cellHeight - padding;
        int picture = y / cellHeight * columns + x / cellWidth;
        boolean sheet = insideX < 0 || insideY < 0 || picture >= pictures.count();
        return sheet ? SHEET : pictures.rgb(picture, insideY / scale, insideX / scale);
    }
}
