package io.github.maskalign.core.sample;

import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.sample.SamplerConfig.DiffusionScale;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;

/** The samplers once more, for one coordinate, in plain Java. */
final class ScalarReference {
    /** The velocity of one coordinate. */
    interface Velocity {
        double at(double x, double t);
    }

    private ScalarReference() {}

    /** Samples one coordinate as REPA's and REG's samplers do, guidance applied to the drift. */
    static double sample(
            SamplerConfig config,
            Interpolant path,
            AnalyticVelocityField field,
            long label,
            int part,
            GivenNoise.Value noise,
            long picture,
            int element) {
        int steps = config.steps();
        double x = noise.at(part, -1, picture, element);
        for (int i = 0; i < steps; i++) {
            double t;
            double next;
            if (config.method() == SamplerMethod.EULER_MARUYAMA) {
                double last = config.lastStep();
                t = 1 + (last - 1) * i / (steps - 1);
                next = i == steps - 1 ? 0 : 1 + (last - 1) * (i + 1) / (steps - 1);
            } else {
                t = 1 - (double) i / steps;
                next = 1 - (i + 1.0) / steps;
            }
            boolean guided = config.guidance().activeAt(t);
            double scale =
                    part == 0 ? config.guidance().cfgScale() : config.guidance().classCfgScale();
            boolean mixed = guided && scale > 0;
            Velocity conditional = drift(config, path, (y, s) -> field.velocity(y, s, label));
            Velocity unconditional = drift(config, path, (y, s) -> field.velocity(y, s, field.nullLabel()));
            Velocity slope = (y, s) -> {
                double c = conditional.at(y, s);
                double u = unconditional.at(y, s);
                return mixed ? u + scale * (c - u) : c;
            };
            double d = slope.at(x, t);
            double dt = next - t;
            switch (config.method()) {
                case EULER -> x += dt * d;
                case HEUN -> x += i == steps - 1 ? dt * d : dt * 0.5 * (d + slope.at(x + dt * d, next));
                case EULER_MARUYAMA -> {
                    double w = config.diffusion() == DiffusionScale.TWO_T ? 2 * t : path.sigma(t);
                    double kick = i == steps - 1 ? 0 : Math.sqrt(w * -dt) * noise.at(part, i, picture, element);
                    x += dt * d + kick;
                }
            }
        }
        return x;
    }

    /** Samples one coordinate with SiT's transport: data at 1, noise at 0, linear path, mean as last step. */
    static double sampleOnTheOfficialAxis(SamplerMethod method, int steps, Velocity v, GivenNoise.Value noise) {
        double x = noise.at(0, -1, 0, 0);
        if (method == SamplerMethod.EULER_MARUYAMA) {
            double size = 0.96 / (steps - 1);
            for (int i = 0; i < steps; i++) {
                double t = i * size;
                double diffusion = 1 - t; // "sigma"
                double score = (t * v.at(x, t) - x) / (1 - t);
                double drift = v.at(x, t) + diffusion * score;
                x += i == steps - 1
                        ? 0.04 * drift
                        : size * drift + Math.sqrt(2 * diffusion * size) * noise.at(0, i, 0, 0);
            }
            return x;
        }
        double size = 1.0 / steps;
        for (int i = 0; i < steps; i++) {
            double t = i * size;
            double d = v.at(x, t);
            boolean euler = method == SamplerMethod.EULER || i == steps - 1;
            x += size * (euler ? d : 0.5 * (d + v.at(x + size * d, t + size)));
        }
        return x;
    }

    private static Velocity drift(SamplerConfig config, Interpolant path, Velocity v) {
        if (config.method() != SamplerMethod.EULER_MARUYAMA) {
            return v;
        }
        return (x, t) -> {
            double a = path.alpha(t);
            double s = path.sigma(t);
            double ratio = a / path.alphaPrime(t);
            double score = (ratio * v.at(x, t) - x) / (s * s - ratio * path.sigmaPrime(t) * s);
            double w = config.diffusion() == DiffusionScale.TWO_T ? 2 * t : s;
            return v.at(x, t) - 0.5 * w * score;
        };
    }
}
