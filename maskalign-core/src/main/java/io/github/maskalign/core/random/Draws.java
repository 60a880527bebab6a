package io.github.maskalign.core.random;

import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * The random numbers of one run, addressed by stream and position.
 *
 * <p>{@code at(stream, position)} always starts the same generator for the same run seed. For training
 * draws the position is the global index of the sample, {@code step · globalBatch + i}, so the numbers do
 * not depend on how a batch is split over micro-batches or devices. Seeds are mixed with the finaliser of
 * SplitMix64 (Steele, Lea, Flood 2014).
 *
 * @param seed the run seed, any value
 */
public record Draws(long seed) {
    private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;

    /** Returns a fresh generator for one position of one stream. */
    public SplittableRandom at(RandomStream stream, long position) {
        long h = mix(seed + GOLDEN_GAMMA);
        h = mix(h ^ (stream.ordinal() + 1) * GOLDEN_GAMMA);
        h = mix(h ^ (position + 1) * GOLDEN_GAMMA);
        return new SplittableRandom(h);
    }

    /**
     * Fills rows of standard normal numbers, row {@code i} from position {@code first + i}.
     *
     * @return {@code rows · width} numbers, row-major
     */
    public float[] normal(RandomStream stream, long first, int rows, int width) {
        float[] out = new float[Math.multiplyExact(rows, width)];
        IntStream.range(0, rows).parallel().forEach(i -> {
            SplittableRandom random = at(stream, first + i);
            for (int k = 0; k < width; k++) {
                out[i * width + k] = (float) random.nextGaussian();
            }
        });
        return out;
    }

    /** Returns one number of U[0, 1) for each of {@code rows} positions, float32. */
    public float[] uniform(RandomStream stream, long first, int rows) {
        float[] out = new float[rows];
        for (int i = 0; i < rows; i++) {
            // 24 bits: exact in float32 and never rounded up to 1
            out[i] = (at(stream, first + i).nextLong() >>> 40) * 0x1p-24f;
        }
        return out;
    }

    private static long mix(long z) {
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
