package io.github.maskalign.core.train;

import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.NonNegative;
import java.util.Objects;

/**
 * How the weight of a loss term changes over a run: a factor between 0 and 1 of the step, which needs no state and so
 * resumes by itself, but for AUTO.
 *
 * @param schedule the course
 * @param until the step τ at which it has reached 0; 0 with CONSTANT and AUTO
 */
public record LossSchedule(
        @Default("CONSTANT") Course schedule,
        @NonNegative @Default("0") long until) {
    /** Factor 1 for ever. */
    public static final LossSchedule ALWAYS = new LossSchedule(Course.CONSTANT, 0);

    /** Courses of the factor at step s. */
    public enum Course {
        /** 1. */
        CONSTANT,
        /** 1 while s &lt; τ, then 0: HASTE's stop. */
        UNTIL,
        /** max(0, 1 − s/τ). */
        LINEAR,
        /** (1 + cos(π min(1, s/τ))) / 2. */
        COSINE,
        /** 1 until an {@link AutoStop} has stopped the term, then 0. */
        AUTO;

        private boolean hasEnd() {
            return this != CONSTANT && this != AUTO;
        }
    }

    /** @throws IllegalArgumentException if a course that ends has no end, or one that does not has one */
    public LossSchedule {
        Objects.requireNonNull(schedule, "schedule must be given");
        if (schedule.hasEnd() ? until < 1 : until != 0) {
            throw new IllegalArgumentException(
                    !schedule.hasEnd()
                            ? "until must be 0 with schedule " + schedule + " but was " + until
                            : "until must be at least 1 with schedule " + schedule + " but was " + until);
        }
    }

    /**
     * Returns the factor, with AUTO that of a term that has not stopped.
     *
     * @param step steps finished before this one
     */
    public double at(long step) {
        double share = until == 0 ? 0 : Math.min(1, (double) step / until);
        return switch (schedule) {
            case CONSTANT, AUTO -> 1;
            case UNTIL -> step < until ? 1 : 0;
            case LINEAR -> 1 - share;
            case COSINE -> share == 1 ? 0 : (1 + Math.cos(Math.PI * share)) / 2;
        };
    }
}
