package io.github.maskalign.sit.run.internal;

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

    /** Draws a point that stands for itself. */
    void dot(int run, double x, double y);
}
