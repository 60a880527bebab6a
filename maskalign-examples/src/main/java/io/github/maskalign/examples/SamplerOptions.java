package io.github.maskalign.examples;

import io.github.maskalign.core.sample.Guidance;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.sample.SamplerMethod;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How pictures are drawn, where it differs from what the config says. */
final class SamplerOptions {
    /** How the equation of motion is solved. */
    enum Method {
        /** Euler's rule on the probability-flow ODE. */
        ODE(SamplerMethod.EULER),
        /** Heun's rule on the probability-flow ODE. */
        HEUN(SamplerMethod.HEUN),
        /** Euler-Maruyama on the reverse SDE. */
        SDE(SamplerMethod.EULER_MARUYAMA);

        private final SamplerMethod rule;

        Method(SamplerMethod rule) {
            this.rule = rule;
        }
    }

    @Option(
            names = "--sampler",
            paramLabel = "NAME",
            description = "One of: ${COMPLETION-CANDIDATES}; that of the config unless given.")
    @Nullable
    Method method;

    @Option(
            names = "--steps",
            paramLabel = "N",
            description = "Steps of the sampler; those of the config unless given.")
    @Nullable
    Integer steps;

    @Option(
            names = "--cfg",
            paramLabel = "SCALE",
            description =
                    "Guidance scale w of v = v_u + w (v_c - v_u), for the class token too; 1 switches guidance off."
                            + " That of the config unless given.")
    @Nullable
    Double cfgScale;

    @Option(
            names = "--interval",
            paramLabel = "LO,HI",
            description = "Times at which guidance acts; 0 is data, 1 is noise. That of the config unless given.",
            converter = Interval.Converter.class)
    @Nullable
    Interval interval;

    /** The given settings with what these options change. */
    SamplerConfig over(SamplerConfig own) {
        SamplerMethod rule = method == null ? own.method() : method.rule;
        double w = cfgScale == null ? own.cfgScale() : cfgScale;
        double classW = cfgScale == null ? own.classCfgScale() : cfgScale;
        Interval when = interval == null ? new Interval(own.intervalLow(), own.intervalHigh()) : interval;
        return own.withMethod(rule, steps == null ? own.steps() : steps)
                .withGuidance(new Guidance(w, classW, when.low(), when.high()));
    }
}
