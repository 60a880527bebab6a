package io.github.maskalign.core.random;

import io.github.maskalign.core.random.internal.SplitMix64;
import java.util.stream.IntStream;

/**
 * The random numbers of one run, addressed by stream and position.
 *
 * <p>{@code at(stream, position)} always starts the same generator for the same run seed. For training
 * draws the position is the global index of the sample, {@code step · globalBatch + i}, so the numbers do
 * not depend on how a batch is split over micro-batches or devices. Seeds are mixed with the finaliser of
 * SplitMix64 (Steele, Lea, Flood 2014). The numbers are the same on every machine, with every Java.
 *
 * @param seed the run seed, any value
 */
public record Draws(long seed) {
    /** Names how numbers are made of seeds; it changes when they do. Runs of other names have other numbers. */
    public static final String ALGORITHM = "splitmix64, ziggurat-256";

    private static final long GOLDEN_GAMMA = SplitMix64.GOLDEN_GAMMA;

    /** Returns a fresh generator for one position of one stream. */
    public SplitMix64 at(RandomStream stream, long position) {
        long h = SplitMix64.mix(seed + GOLDEN_GAMMA);
        h = SplitMix64.mix(h ^ (stream.id() + 1) * GOLDEN_GAMMA);
        h = SplitMix64.mix(h ^ (position + 1) * GOLDEN_GAMMA);
        return new SplitMix64(h);
    }

    /**
     * Fills rows of standard normal numbers, row {@code i} from position {@code first + i}.
     *
     * @return {@code rows · width} numbers, row-major
     */
    public float[] normal(RandomStream stream, long first, int rows, int width) {
        float[] out = new float[Math.multiplyExact(rows, width)];
        IntStream.range(0, rows).parallel().forEach(i -> {
            SplitMix64 random = at(stream, first + i);
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

    /**
     * What a random number is used for. Each stream is independent of all others of the same run. Its number is part of every
     * draw, so it stays with its stream for ever.
     */
    public enum RandomStream {
        /** Initial weights. */
        INIT(0),
        /** Order of the training samples; the position is the epoch. */
        DATA_ORDER(1),
        /** Augmentation of one training sample. */
        AUGMENT(2),
        /** Noise of the latent's posterior. */
        POSTERIOR(3),
        /** Timesteps. */
        TIMESTEP(4),
        /** Noise of the interpolant. */
        NOISE(5),
        /** Which labels become the null class. */
        LABEL_DROP(6),
        /** Noise of the class token's interpolant. */
        CLASS_NOISE(7),
        /** Token subsets. */
        SUBSET(8),
        /** Initial noise of a generated picture. */
        SAMPLE_NOISE(9),
        /** Initial noise of a generated picture's class token. */
        SAMPLE_CLASS_NOISE(10),
        /** Noise a stochastic sampler adds on its way. */
        SAMPLE_PATH(11),
        /** Labels of generated pictures. */
        SAMPLE_LABEL(12),
        /** Which training pictures are mirrored. */
        FLIP(13),
        /** Which training samples go past the sparse part of a model. */
        PATH_DROP(15),
        /** Which steps of a run do without the features that are generated beside the latents; the position is the step. */
        FEATURE_DROP(17),
        /** How much cleaner a model's own moving average sees what the model sees. */
        TEACHER_TIME(20),
        /** Tokens that a routed network keeps while it samples. */
        SAMPLE_SUBSET(21),
        /** Noise of the second pass of a step, which sees some tokens alone. */
        MASKED_NOISE(24),
        /** Which labels become the null class in that pass. */
        MASKED_LABEL_DROP(25);

        private final int id;

        RandomStream(int id) {
            this.id = id;
        }

        /** Returns the number by which draws know the stream. */
        int id() {
            return id;
        }
    }
}
