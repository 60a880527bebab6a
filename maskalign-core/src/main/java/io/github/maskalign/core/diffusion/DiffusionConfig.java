package io.github.maskalign.core.diffusion;

import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Range;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.Draws.RandomStream;
import java.util.Objects;

/**
 * The diffusion process of a run.
 *
 * @param path the interpolant between data and noise
 * @param timesteps how training times are drawn
 * @param timeShift factor s of {@code t ← s t / (1 + (s − 1) t)}, which moves training times towards noise where it is
 *     above 1; 0 takes √(C·H·W / 4096) of the latents, as SR-DiT does
 */
public record DiffusionConfig(
        Interpolant path,
        TimestepSampler timesteps,

        @Range(min = 0, max = 1000) @Default("1.0") double timeShift) {
    private static final double UNSHIFTED_VALUES = 4096; // 32 x 32 x 4

    /** @throws IllegalArgumentException if the shift is negative or not finite */
    public DiffusionConfig {
        Objects.requireNonNull(path, "path must be given");
        Objects.requireNonNull(timesteps, "timesteps must be given");
        if (!(timeShift >= 0 && timeShift <= 1000)) {
            throw new IllegalArgumentException("timeShift must be in [0, 1000] but was " + timeShift);
        }
    }

    /** Times that are not shifted. */
    public DiffusionConfig(Interpolant path, TimestepSampler timesteps) {
        this(path, timesteps, 1);
    }

    /** Linear path, uniform times: SiT, REPA, REG and MaskAlign. */
    public static DiffusionConfig defaults() {
        return new DiffusionConfig(Interpolant.LINEAR, TimestepSampler.UNIFORM);
    }

    /**
     * Draws one training time for each sample, shifted.
     *
     * @param draws the random numbers of the run
     * @param along the path the times are for
     * @param values numbers of one sample, C·H·W
     * @param first position of the first sample
     * @param rows number of samples N
     * @return N times in [0, 1)
     */
    public float[] draw(Draws draws, Interpolant along, long values, long first, int rows) {
        float[] t = timesteps.draw(draws, along, first, rows);
        double s = timeShift == 0 ? Math.sqrt(values / UNSHIFTED_VALUES) : timeShift;
        if (s != 1) {
            for (int i = 0; i < rows; i++) {
                t[i] = (float) (s * t[i] / (1 + (s - 1) * t[i]));
            }
        }
        return t;
    }

    /**
     * How the timesteps of training samples are spread over [0, 1). The loss itself is never weighted by time.
     * Source: REPA's training loss, where the option is called weighting.
     */
    public enum TimestepSampler {
        /** t ~ U[0, 1). */
        UNIFORM {
            @Override
            public float[] draw(Draws draws, Interpolant path, long first, int rows) {
                return draws.uniform(RandomStream.TIMESTEP, first, rows);
            }
        },

        /** The noise-to-data ratio s = σ/α is e^n with n ~ N(0, 1): t = s/(1 + s), or (2/π) atan s for the cosine path. */
        LOGNORMAL {
            @Override
            public float[] draw(Draws draws, Interpolant path, long first, int rows) {
                float[] t = new float[rows];
                for (int i = 0; i < rows; i++) {
                    double s = StrictMath.exp(
                            draws.at(RandomStream.TIMESTEP, first + i).nextGaussian());
                    t[i] = (float)
                            switch (path) {
                                case LINEAR -> s / (1 + s);
                                case COSINE -> StrictMath.atan(s) * 2 / Math.PI;
                            };
                }
                return t;
            }
        };

        /**
         * Draws one timestep for each sample.
         *
         * @param draws the random numbers of the run; the stream is {@link RandomStream#TIMESTEP}
         * @param path the path the times are for
         * @param first position of the first sample: step · global batch + offset
         * @param rows number of samples N
         * @return N times in [0, 1), row {@code i} depending on position {@code first + i} only
         */
        public abstract float[] draw(Draws draws, Interpolant path, long first, int rows);
    }
}
