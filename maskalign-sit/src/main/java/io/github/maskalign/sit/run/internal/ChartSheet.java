package io.github.maskalign.sit.run.internal;

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
record ChartSheet(int width, int height, int left, int right, int top, int bottom, int mostPoints, double outliers) {
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
