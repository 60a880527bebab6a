package io.github.maskalign.core.sample;

/** The times a sampler stops at, from 1 to 0 in float64. */
final class TimeGrid {
    private TimeGrid() {}

    /** Returns S + 1 equal points from 1 to 0. */
    static double[] equal(int steps) {
        return linspace(1, 0, steps + 1);
    }

    /** Returns S equal points from 1 to {@code last}, followed by 0. */
    static double[] withLastStep(int steps, double last) {
        double[] grid = new double[steps + 1];
        System.arraycopy(linspace(1, last, steps), 0, grid, 0, steps);
        return grid;
    }

    /** PyTorch's linspace to the bit: each half is counted from its own end, with one rounding a point. */
    private static double[] linspace(double start, double end, int points) {
        double[] out = new double[points];
        out[0] = start;
        double step = (end - start) / (points - 1);
        for (int i = 1; i < points; i++) {
            out[i] = i < points / 2 ? Math.fma(step, i, start) : Math.fma(-step, points - 1 - i, end);
        }
        return out;
    }
}
