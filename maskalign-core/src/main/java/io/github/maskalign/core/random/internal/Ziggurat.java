package io.github.maskalign.core.random.internal;

/**
 * Standard normal numbers by the ziggurat of Marsaglia and Tsang (2000), layer and value from different bits as Doornik
 * (2005) asks.
 *
 * <p>The area under f(x) = exp(−x²/2), x ≥ 0, is covered by 256 layers of equal area V: layer i ≥ 1 is a rectangle of width
 * x_i between the heights f(x_i) and f(x_{i+1}); layer 0 is what lies below f(R), R = x_1, with the tail beyond R. Widths
 * follow from
 *
 * <pre>
 * ρ_i = f(x_{i+1}) / f(x_i) = 1 + V / (x_i f(x_i)),  x_{i+1}² = x_i² − 2 ln ρ_i,  x_0 = V / f(R),  x_256 = 0
 * </pre>
 *
 * <p>Series with a fixed number of terms stand for logarithm and exponential, and the tail is made of exponential numbers by
 * von Neumann's comparisons (1951): all values follow from IEEE 754 arithmetic. {@code scripts/golden/draws_cases.py}
 * repeats them and checks the layers at 50 digits.
 */
public final class Ziggurat {
    static final int LAYERS = 256;
    /** R: the layers close at height 1. */
    private static final double TAIL = 3.654152885361009;
    /** V = R f(R) + the area of the tail. */
    private static final double AREA = 0.004928673233974655;
    /** f(R). */
    private static final double DENSITY = 0.0012602859304985975;

    /** Terms of the series: what follows is below 2⁻⁵³ of the sum for the largest arguments, those of layer 1. */
    private static final int LOGARITHM_TERMS = 21;

    private static final int EXPONENTIAL_TERMS = 17;

    /** x_i. */
    private static final double[] WIDTH = new double[LAYERS + 1];
    /** x_{i+1} / x_i: below it a value lies under the curve at any height. */
    private static final double[] INNER = new double[LAYERS];
    /** ρ_i − 1. */
    private static final double[] RISE = new double[LAYERS];

    static {
        WIDTH[0] = AREA / DENSITY;
        WIDTH[1] = TAIL;
        INNER[0] = TAIL / WIDTH[0];
        double height = DENSITY;
        for (int i = 1; i < LAYERS; i++) {
            double x = WIDTH[i];
            RISE[i] = AREA / (x * height);
            WIDTH[i + 1] = i + 1 == LAYERS ? 0 : Math.sqrt(x * x - 2 * logarithm(RISE[i]));
            INNER[i] = WIDTH[i + 1] / x;
            height += height * RISE[i];
        }
    }

    private Ziggurat() {}

    static double next(SplitMix64 random) {
        while (true) {
            long bits = random.nextLong();
            int layer = (int) bits & (LAYERS - 1);
            double u = ((bits >> 11) + 0.5) * 0x1p-52; // 53 other bits: in (-1, 1), never 0
            double x = u * WIDTH[layer];
            if (Math.abs(u) < INNER[layer]) {
                return x; // 99 of 100
            }
            if (layer == 0) {
                double tail = tail(random);
                return u < 0 ? -tail : tail;
            }
            double d = (WIDTH[layer] - x) * (WIDTH[layer] + x) * 0.5;
            if (1 + random.nextDouble() * RISE[layer] < exponential(d)) {
                return x;
            }
        }
    }

    /** A number beyond R (Marsaglia 1964). */
    private static double tail(SplitMix64 random) {
        while (true) {
            double x = exponentialNumber(random) / TAIL;
            double y = exponentialNumber(random);
            if (y + y > x * x) {
                return TAIL + x;
            }
        }
    }

    /** A number of the exponential distribution: how long uniform numbers go on to fall decides its integer part. */
    private static double exponentialNumber(SplitMix64 random) {
        for (int whole = 0; ; whole++) {
            double first = random.nextDouble();
            double last = first;
            int falling = 1;
            for (double u = random.nextDouble(); u < last; u = random.nextDouble()) {
                last = u;
                falling++;
            }
            if (falling % 2 == 1) {
                return whole + first;
            }
        }
    }

    /** ln(1 + r) = 2 artanh(r / (2 + r)). */
    private static double logarithm(double r) {
        double z = r / (2 + r);
        double square = z * z;
        double sum = 0;
        for (int k = LOGARITHM_TERMS - 1; k >= 0; k--) {
            sum = sum * square + 1.0 / (2 * k + 1);
        }
        return 2 * z * sum;
    }

    /** exp(d) = 1 + d (1 + d/2 (1 + d/3 (...))). */
    private static double exponential(double d) {
        double sum = 1;
        for (int k = EXPONENTIAL_TERMS; k >= 1; k--) {
            sum = 1 + d * sum / k;
        }
        return sum;
    }

    /** Returns x_0 to x_256, for tests. */
    public static double[] widths() {
        return WIDTH.clone();
    }

    /** Returns ρ_0 − 1 (which is 0) to ρ_255 − 1, for tests. */
    public static double[] rises() {
        return RISE.clone();
    }
}
