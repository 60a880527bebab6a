package io.github.maskalign.core.diffusion;

import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.Draws.RandomStream;
import java.util.Objects;

/**
 * The diffusion process of a run.
 *
 * @param path the interpolant between data and noise
 * @param timesteps how training times are drawn
 */
public record DiffusionConfig(Interpolant path, TimestepSampler timesteps) {
    public DiffusionConfig {
        Objects.requireNonNull(path, "path must be given");
        Objects.requireNonNull(timesteps, "timesteps must be given");
    }

    /** Linear path, uniform times: SiT, REPA, REG and MaskAlign. */
    public static DiffusionConfig defaults() {
        return new DiffusionConfig(Interpolant.LINEAR, TimestepSampler.UNIFORM);
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
