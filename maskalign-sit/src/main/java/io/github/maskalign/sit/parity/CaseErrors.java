package io.github.maskalign.sit.parity;

/** Largest errors so far, ‖a − b‖ / ‖b‖ in float64 or ‖a‖ where b is zero; NaN counts as infinitely large. */
final class CaseErrors {
    private double output;
    private double gradient = -1;
    private double share = -1;
    private String key = "";

    void output(String name, double[] found, double[] expected) {
        output(name, error(found, expected));
    }

    /** Notes a difference between two numbers and the size that it is measured against. */
    void output(String name, double difference, double size) {
        output(name, finite(size == 0 ? difference : difference / size));
    }

    private void output(String name, double error) {
        output = Math.max(output, error);
        consider(name, error / ParityResult.OUTPUT_LIMIT);
    }

    void gradient(String name, double[] found, double[] expected) {
        double error = error(found, expected);
        gradient = Math.max(gradient, error);
        consider(name, error / ParityResult.GRAD_LIMIT);
    }

    /** Returns the whole; a case that compared nothing does not pass. */
    ParityResult result(String name) {
        return new ParityResult(name, output, gradient < 0 ? null : gradient, key, share >= 0 && share <= 1);
    }

    private void consider(String name, double shareOfLimit) {
        if (shareOfLimit > share) {
            share = shareOfLimit;
            key = name;
        }
    }

    private static double error(double[] a, double[] b) {
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < a.length; i++) {
            double d = a[i] - b[i];
            difference += d * d;
            norm += b[i] * b[i];
        }
        return finite(Math.sqrt(norm == 0 ? difference : difference / norm));
    }

    private static double finite(double error) {
        return Double.isNaN(error) ? Double.POSITIVE_INFINITY : error;
    }
}
