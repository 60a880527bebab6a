package io.github.maskalign.sit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.core.train.LossSchedule;
import io.github.maskalign.core.train.LossSchedule.Course;
import io.github.maskalign.sit.SiTLoss.SiTLosses;

/** The terms of a loss with schedule AUTO, and what their gradient is compared with. */
final class StoppingTerms {
    private static final ScriptFunction ADD_WEIGHTED =
            ScriptFunction.of(Interpolant.class, "losses.py", "add_weighted");

    private final SiTConfig config;
    private final double beta;
    private final double coeff;

    /**
     * Describes the terms of a model.
     *
     * @param beta weight of the class token's velocity
     * @param coeff weight of the alignment
     */
    StoppingTerms(SiTConfig config, double beta, double coeff) {
        this.config = config;
        this.beta = beta;
        this.coeff = coeff;
    }

    /** Whether there is one. */
    boolean exist() {
        return aligns() || attends();
    }

    private boolean aligns() {
        return config.align().enabled() && isAuto(config.align().weight());
    }

    private boolean attends() {
        return config.terms().attention().filter(term -> isAuto(term.weight())).isPresent();
    }

    /** Returns the sum of the terms with their weights, 0-d. */
    NDArray sum(SiTLosses losses) {
        NDArray sum = losses.velocity().getManager().zeros(new Shape());
        NDArray alignment = losses.alignment();
        if (aligns() && alignment != null) {
            sum = ADD_WEIGHTED.callForOne(sum, alignment, coeff);
        }
        NDArray attention = losses.terms().get("attention");
        if (attends() && attention != null) {
            double weight = config.terms().attention().orElseThrow().coeff();
            sum = ADD_WEIGHTED.callForOne(sum, attention, weight);
        }
        return sum;
    }

    /** Returns the loss of the velocities, that of the class token with its weight, 0-d. */
    NDArray denoising(SiTLosses losses) {
        NDArray ofClass = losses.classVelocity();
        return ofClass == null ? losses.velocity() : ADD_WEIGHTED.callForOne(losses.velocity(), ofClass, beta);
    }

    private static boolean isAuto(LossSchedule course) {
        return course.schedule() == Course.AUTO;
    }
}
