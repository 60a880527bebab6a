package io.github.maskalign.core.diffusion;

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
}
