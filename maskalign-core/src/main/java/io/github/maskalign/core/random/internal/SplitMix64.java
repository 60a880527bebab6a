package io.github.maskalign.core.random.internal;

import java.util.Arrays;

/**
 * A stream of random numbers whose values are fixed for ever: by this class and IEEE 754, not by a Java version.
 *
 * <p>The bits are those of SplitMix64 (Steele, Lea, Flood 2014) with the golden gamma, and whole numbers and uniform ones
 * are made of them as {@code java.util.SplittableRandom} of Java 17 does. Normal numbers come from a ziggurat of 256 layers
 * (Marsaglia and Tsang 2000) that takes layer and value from different bits (Doornik 2005); it adds, multiplies, divides
 * and compares only, so no library's logarithm has a say. Not safe for use by several threads.
 */
public final class SplitMix64 {
    public static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;

    private long state;

    /** Starts the stream of a seed, any value. */
    public SplitMix64(long seed) {
        state = seed;
    }

    /** Returns 64 random bits. */
    public long nextLong() {
        state += GOLDEN_GAMMA;
        return mix(state);
    }

    /** Returns 32 random bits. */
    public int nextInt() {
        state += GOLDEN_GAMMA;
        long z = (state ^ (state >>> 33)) * 0x62A9D9ED799705F5L;
        return (int) (((z ^ (z >>> 28)) * 0xCB24D0A5C88C35B3L) >>> 32);
    }

    /**
     * Returns a whole number of [0, bound), each equally likely.
     *
     * @throws IllegalArgumentException if the bound is less than 1
     */
    public int nextInt(int bound) {
        if (bound < 1) {
            throw new IllegalArgumentException("bound must be at least 1 but was " + bound);
        }
        int bits = nextInt();
        if ((bound & (bound - 1)) == 0) {
            return bits & (bound - 1);
        }
        int u = bits >>> 1;
        int number = u % bound;
        while (u - number + (bound - 1) < 0) { // the last numbers of 31 bits would favour small results
            u = nextInt() >>> 1;
            number = u % bound;
        }
        return number;
    }

    /** Returns a number of U[0, 1), a multiple of 2⁻⁵³. */
    public double nextDouble() {
        return (nextLong() >>> 11) * 0x1p-53;
    }

    /**
     * Returns a number of U[low, high).
     *
     * @throws IllegalArgumentException unless both are finite, and their difference finite and positive
     */
    public double nextDouble(double low, double high) {
        double width = high - low;
        if (!(width > 0) || Double.isInfinite(width)) {
            throw new IllegalArgumentException(
                    "low must be less than high and both finite but they were " + low + " and " + high);
        }
        double number = nextDouble() * width + low;
        return number < high ? number : Math.nextDown(high);
    }

    /** Returns a number of N(0, 1). */
    public double nextGaussian() {
        return Ziggurat.next(this);
    }

    /** Most numbers of which {@link #subset} draws some. */
    public static final int MOST_OF_SUBSET = 1 << 20;

    /**
     * Returns the first {@code kept} numbers of the argsort of {@code total} uniform numbers, so each subset of [0, total) is
     * equally likely, in each order.
     *
     * @param total at most {@link #MOST_OF_SUBSET}
     * @param kept at most {@code total}
     */
    public long[] subset(int total, int kept) {
        long[] keys = new long[total];
        for (int i = 0; i < total; i++) {
            // 43 random bits above the index: sorting the keys is the argsort, ties go to the lower index
            keys[i] = (nextLong() >>> 21) * MOST_OF_SUBSET + i;
        }
        Arrays.sort(keys);
        long[] subset = new long[kept];
        for (int k = 0; k < kept; k++) {
            subset[k] = keys[k] & (MOST_OF_SUBSET - 1);
        }
        return subset;
    }

    /** The finaliser: every bit of the result depends on every bit given. */
    public static long mix(long z) {
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }

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
    public static final class Ziggurat {
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
}
