package io.github.maskalign.core.random.internal;

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

    /** The finaliser: every bit of the result depends on every bit given. */
    public static long mix(long z) {
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
