package io.github.maskalign.core.diffusion;

import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Range;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.Draws.RandomStream;
import java.util.List;
import java.util.Objects;

/**
 * The diffusion process of a run.
 *
 * @param path the interpolant between data and noise
 * @param timesteps how training times are drawn
 * @param timeShift factor s of {@code t ← s t / (1 + (s − 1) t)}, which moves training times towards noise where it is
 *     above 1; 0 takes √(C·H·W / 4096) of the latents, as SR-DiT does
 * @param process what lies between data and noise, and what a network predicts of it; with DDPM the path is not looked at
 * @param tRange smallest and largest time that is drawn, for one of several networks that share the times (eDiff-I); the
 *     times are those that would have been drawn anyway, as far as they lie there
 */
public record DiffusionConfig(
        Interpolant path,
        TimestepSampler timesteps,

        @Range(min = 0, max = 1000) @Default("1.0") double timeShift,
        @Default("FLOW") Process process,

        @Range(min = 0, max = 1) @Default("[0.0, 1.0]") List<Double> tRange) {
    private static final double UNSHIFTED_VALUES = 4096; // 32 x 32 x 4

    private static final List<Double> ALL = List.of(0.0, 1.0);

    /** @throws IllegalArgumentException if a number is out of its range, or one has no place beside the others */
    public DiffusionConfig {
        Objects.requireNonNull(path, "path must be given");
        Objects.requireNonNull(timesteps, "timesteps must be given");
        if (!(timeShift >= 0 && timeShift <= 1000)) {
            throw new IllegalArgumentException("timeShift must be in [0, 1000] but was " + timeShift);
        }
        Objects.requireNonNull(process, "process must be given");
        tRange = List.copyOf(tRange);
        if (tRange.size() != 2 || !(0 <= tRange.get(0) && tRange.get(0) < tRange.get(1) && tRange.get(1) <= 1)) {
            throw new IllegalArgumentException(
                    "tRange must be two rising numbers in [0, 1], such as [0.5, 1.0], but was " + tRange);
        }
        if (!tRange.equals(ALL) && timesteps != TimestepSampler.UNIFORM) {
            throw new IllegalArgumentException("tRange goes with timesteps UNIFORM, but they were " + timesteps
                    + ": choose UNIFORM, or leave tRange at [0.0, 1.0]");
        }
        if (process == Process.DDPM) {
            requireChain(path, timesteps, timeShift, tRange);
        }
    }

    private static void requireChain(
            Interpolant path, TimestepSampler timesteps, double timeShift, List<Double> tRange) {
        if (path != Interpolant.LINEAR || timesteps != TimestepSampler.UNIFORM || timeShift != 1) {
            throw new IllegalArgumentException("process DDPM has its own way between data and noise and draws its steps"
                    + " alike: path must be left LINEAR, timesteps UNIFORM and timeShift 1.0, but they were " + path
                    + ", "
                    + timesteps + " and " + timeShift);
        }
        if (Math.round(tRange.get(0) * NoiseSchedule.STEPS) >= Math.round(tRange.get(1) * NoiseSchedule.STEPS)) {
            throw new IllegalArgumentException("tRange must hold a step of DDPM's " + NoiseSchedule.STEPS
                    + ", which stand at n / " + NoiseSchedule.STEPS + ", but was " + tRange);
        }
    }

    /** All times, not shifted. */
    public DiffusionConfig(Interpolant path, TimestepSampler timesteps) {
        this(path, timesteps, 1);
    }

    /** All times of a path. */
    public DiffusionConfig(Interpolant path, TimestepSampler timesteps, double timeShift) {
        this(path, timesteps, timeShift, Process.FLOW, ALL);
    }

    /** DDPM's chain, all steps drawn alike: DiT. */
    public static DiffusionConfig ddpm() {
        return new DiffusionConfig(Interpolant.LINEAR, TimestepSampler.UNIFORM, 1, Process.DDPM, ALL);
    }

    /** Returns this for times in [low, high) alone. */
    public DiffusionConfig withRange(double low, double high) {
        return new DiffusionConfig(path, timesteps, timeShift, process, List.of(low, high));
    }

    /** Whether some times are never drawn. */
    public boolean hasRange() {
        return !tRange.equals(ALL);
    }

    /** Linear path, uniform times: SiT, REPA, REG and MaskAlign. */
    public static DiffusionConfig defaults() {
        return new DiffusionConfig(Interpolant.LINEAR, TimestepSampler.UNIFORM);
    }

    /** What lies between data and noise, and what a network predicts of it. */
    public enum Process {
        /** An {@link Interpolant}; the network predicts its velocity. */
        FLOW,

        /**
         * DDPM's chain of 1,000 steps ({@link NoiseSchedule}); the network predicts the noise and, with C further channels, the
         * variance of the way back. Step n is time t = n / 1000. Source: DiT.
         */
        DDPM
    }

    /**
     * Draws one training time for each sample, shifted and within the range; with DDPM the time of a step.
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
        if (process == Process.DDPM) {
            long low = Math.round(tRange.get(0) * NoiseSchedule.STEPS);
            long count = Math.round(tRange.get(1) * NoiseSchedule.STEPS) - low;
            for (int i = 0; i < rows; i++) {
                t[i] = (float) ((double) (low + (long) ((double) t[i] * count)) / NoiseSchedule.STEPS);
            }
            return t;
        }
        double s = timeShift == 0 ? Math.sqrt(values / UNSHIFTED_VALUES) : timeShift;
        if (hasRange()) {
            for (int i = 0; i < rows; i++) {
                double low = unshifted(tRange.get(0), s);
                t[i] = (float) (low + (unshifted(tRange.get(1), s) - low) * t[i]);
            }
        }
        if (s != 1) {
            for (int i = 0; i < rows; i++) {
                t[i] = (float) (s * t[i] / (1 + (s - 1) * t[i]));
            }
        }
        if (hasRange()) { // whose ends rounding must not pass
            float low = tRange.get(0).floatValue();
            float high = Math.nextDown(tRange.get(1).floatValue());
            for (int i = 0; i < rows; i++) {
                t[i] = Math.max(low, Math.min(high, t[i]));
            }
        }
        return t;
    }

    /** The time that a shift brings to t. */
    private static double unshifted(double t, double s) {
        return t / (s - (s - 1) * t);
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
