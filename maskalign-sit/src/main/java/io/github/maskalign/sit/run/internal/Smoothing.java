package io.github.maskalign.sit.run.internal;

/** Makes noisy curves readable without moving them. */
public final class Smoothing {
    private Smoothing() {}

    /**
     * Average over the neighbours within {@code reach} on both sides, taken twice (a triangular window). It
     * does not lag behind as a moving average does: near the start, where losses fall fast, the window shrinks
     * to stay symmetric. Values that are not finite stay where they are and do not enter it.
     *
     * @param reach number of neighbours on each side, {@code >= 0}; 0 returns a copy
     */
    public static double[] average(double[] values, int reach) {
        return pass(pass(values, reach), reach);
    }

    private static double[] pass(double[] values, int reach) {
        int n = values.length;
        double[] sums = new double[n + 1];
        int[] counts = new int[n + 1];
        for (int i = 0; i < n; i++) {
            boolean counted = Double.isFinite(values[i]);
            sums[i + 1] = sums[i] + (counted ? values[i] : 0);
            counts[i + 1] = counts[i] + (counted ? 1 : 0);
        }
        double[] out = new double[n];
        for (int i = 0; i < n; i++) {
            int left = Math.min(reach, i);
            int from = i - left;
            int to = Math.min(n, i + left + 1);
            out[i] = Double.isFinite(values[i]) ? (sums[to] - sums[from]) / (counts[to] - counts[from]) : values[i];
        }
        return out;
    }

    /**
     * Thins a curve to about {@code most} points: the smallest and the largest value of each stretch, in their
     * order, so that no spike is lost.
     */
    public static Curve thin(Curve curve, int most) {
        int n = curve.values().length;
        if (n <= most) {
            return curve;
        }
        int stretches = Math.max(1, most / 2);
        double[] steps = new double[2 * stretches];
        double[] values = new double[2 * stretches];
        for (int s = 0; s < stretches; s++) {
            int from = (int) ((long) s * n / stretches);
            int to = (int) ((long) (s + 1) * n / stretches);
            int low = from;
            int high = from;
            for (int i = from; i < to; i++) {
                low = curve.values()[i] < curve.values()[low] || isGap(curve, low) ? i : low;
                high = curve.values()[i] > curve.values()[high] || isGap(curve, high) ? i : high;
            }
            int first = Math.min(low, high);
            int second = Math.max(low, high);
            steps[2 * s] = curve.steps()[first];
            values[2 * s] = curve.values()[first];
            steps[2 * s + 1] = curve.steps()[second];
            values[2 * s + 1] = curve.values()[second];
        }
        return new Curve(curve.label(), steps, values);
    }

    private static boolean isGap(Curve curve, int i) {
        return Double.isNaN(curve.values()[i]);
    }
}
