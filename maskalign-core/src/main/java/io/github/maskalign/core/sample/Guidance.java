package io.github.maskalign.core.sample;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;

/**
 * Classifier-free guidance: v = v_u + w (v_c - v_u) on all channels, in an interval of times.
 *
 * <p>It is active when w &gt; 1 and low ≤ t ≤ high. Since t = 1 is noise, [0, 0.7] leaves the noisiest 30 %
 * unguided. Where it is active one call of the field covers both halves, [x; x] with labels [y; null].
 * Sources: REPA's samplers; the interval is from Kynkäänniemi et al. 2024; the class token's scale from REG.
 *
 * @param cfgScale w of the latent, at least 1; 1 switches guidance off, also that of the class token
 * @param classTokenScale w of the class token; 0 or less takes its conditional velocity as it is
 * @param low smallest guided time, in [0, high]
 * @param high largest guided time, in [low, 1]
 */
public record Guidance(double cfgScale, double classTokenScale, double low, double high) {
    public Guidance {
        check(cfgScale, classTokenScale, low, high);
    }

    /** Returns guidance that is never active. */
    public static Guidance none() {
        return new Guidance(1, 0, 0, 1);
    }

    /** Whether guidance acts at time {@code t}; both ends of the interval belong to it. */
    public boolean activeAt(double t) {
        return cfgScale > 1 && low <= t && t <= high;
    }

    /**
     * Mixes the two halves of a doubled batch.
     *
     * @param doubled velocities (2N, ...) of [latent] or [latent, class token], conditional half first
     * @return guided velocities (N, ...)
     */
    NDList mix(NDList doubled) {
        NDList mixed = new NDList(doubled.size());
        for (int i = 0; i < doubled.size(); i++) {
            double scale = i == 0 ? cfgScale : classTokenScale;
            NDList halves = doubled.get(i).split(2); // 2 x (N, ...)
            NDArray conditional = halves.get(0);
            NDArray unconditional = halves.get(1);
            mixed.add(
                    scale > 0 ? unconditional.add(conditional.sub(unconditional).mul(scale)) : conditional);
        }
        return mixed;
    }

    static void check(double cfgScale, double classTokenScale, double low, double high) {
        if (!(cfgScale >= 1 && Double.isFinite(cfgScale))) {
            throw new IllegalArgumentException(
                    "cfgScale must be at least 1, which switches guidance off, but was " + cfgScale);
        }
        if (!Double.isFinite(classTokenScale)) {
            throw new IllegalArgumentException("classTokenScale must be finite but was " + classTokenScale);
        }
        if (!(low >= 0 && low <= high && high <= 1)) {
            throw new IllegalArgumentException(
                    "the guidance interval must satisfy 0 <= low <= high <= 1 but was [" + low + ", " + high + "]");
        }
    }
}
