package io.github.maskalign.core.align;

import io.github.maskalign.core.config.RecordCopy;
import java.util.Map;
import java.util.Objects;

/**
 * Which tokens training leaves out, and from what.
 *
 * @param placement where the subset acts
 * @param ratio share of the patch tokens dropped (the paper's mask ratio), in [0, 1); 0 draws nothing
 * @param schedule how the ratio changes over the run
 * @param scheduleMinRatio smallest ratio of a falling or rising schedule, in [0, ratio]
 * @param schedulePower exponent k of {@link SubsetSchedule#COSINE}, in [2, 6]
 * @param scheduleWidth width of {@link SubsetSchedule#UNIFORM_RANGE}, ratio + width at most 1
 * @param unmaskedTailSteps number of steps at the end of the run with ratio 0
 * @param scope whether samples of a batch share one subset
 * @param rounding how a ratio becomes a number of tokens
 * @param order order of the kept tokens
 * @param routeStart first block of {@link SubsetPlacement#ROUTE}, counted from 0
 * @param routeEnd last block of the route, included; a negative number counts from the depth L, so -4
 *     means L - 4
 */
public record SubsetConfig(
        SubsetPlacement placement,
        double ratio,
        SubsetSchedule schedule,
        double scheduleMinRatio,
        int schedulePower,
        double scheduleWidth,
        int unmaskedTailSteps,
        Scope scope,
        Rounding rounding,
        Order order,
        int routeStart,
        int routeEnd) {

    /** Whether the samples of a batch share one subset. */
    public enum Scope {
        /** Each sample has its own subset. */
        PER_SAMPLE,
        /** One subset for all samples of a step. */
        PER_BATCH
    }

    /** How many of T tokens are kept at a ratio r, evaluated in IEEE double exactly as written. */
    public enum Rounding {
        /** trunc(T · (1 - r)): MAE, MaskDiT, MDT, MicroDiT. */
        MAE {
            @Override
            int count(int tokens, double ratio) {
                return (int) (tokens * (1 - ratio));
            }
        },
        /** T - trunc(T · r): TREAD. */
        TREAD {
            @Override
            int count(int tokens, double ratio) {
                return tokens - (int) (tokens * ratio);
            }
        },
        /** The integer nearest to T · (1 - r), a half upwards. */
        NEAREST {
            @Override
            int count(int tokens, double ratio) {
                return (int) Math.floor(tokens * (1 - ratio) + 0.5);
            }
        };

        abstract int count(int tokens, double ratio);

        /**
         * Returns how many tokens are kept.
         *
         * @param tokens T, at least 1
         * @param ratio share dropped, in [0, 1)
         * @throws IllegalArgumentException if nothing would be left
         */
        public int kept(int tokens, double ratio) {
            int kept = count(tokens, ratio);
            if (kept < 1) {
                throw new IllegalArgumentException("maskRatio must leave at least one of the " + tokens
                        + " tokens under rounding " + this + " but was " + ratio);
            }
            return kept;
        }
    }

    /** Order of the kept tokens; attention does not depend on it. */
    public enum Order {
        /** Ascending, the order of the patches. */
        SORTED,
        /** As drawn. */
        SHUFFLED
    }

    public SubsetConfig {
        Objects.requireNonNull(placement, "placement must be given");
        Objects.requireNonNull(schedule, "schedule must be given");
        Objects.requireNonNull(scope, "scope must be given");
        Objects.requireNonNull(rounding, "rounding must be given");
        Objects.requireNonNull(order, "order must be given");
        check(ratio >= 0 && ratio < 1, "maskRatio must be in [0, 1) but was " + ratio);
        check(
                scheduleMinRatio >= 0 && scheduleMinRatio <= ratio,
                "scheduleMinRatio must be in [0, " + ratio + "], the mask ratio, but was " + scheduleMinRatio);
        check(schedulePower >= 2 && schedulePower <= 6, "schedulePower must be in [2, 6] but was " + schedulePower);
        check(scheduleWidth >= 0 && scheduleWidth <= 1, "scheduleWidth must be in [0, 1] but was " + scheduleWidth);
        check(
                schedule != SubsetSchedule.UNIFORM_RANGE || ratio + scheduleWidth <= 1,
                "maskRatio + scheduleWidth must be at most 1 but was " + ratio + " + " + scheduleWidth);
        check(unmaskedTailSteps >= 0, "unmaskedTailSteps must be at least 0 but was " + unmaskedTailSteps);
        check(routeStart >= 0, "routeStart must be at least 0 but was " + routeStart);
        check(
                routeEnd < 0 || routeEnd >= routeStart,
                "routeEnd must not be before routeStart " + routeStart + " but was " + routeEnd);
    }

    /** The paper's subset: drop 25 % of the patch tokens of each sample after the mixer. */
    public static SubsetConfig defaults() {
        return new SubsetConfig(
                SubsetPlacement.DROP,
                0.25,
                SubsetSchedule.CONSTANT,
                0,
                4,
                0.2,
                0,
                Scope.PER_SAMPLE,
                Rounding.MAE,
                Order.SORTED,
                2,
                -4);
    }

    /** No subset: REPA and REG. */
    public static SubsetConfig none() {
        return defaults().withPlacement(SubsetPlacement.NONE).withRatio(0);
    }

    /**
     * Checks that every ratio that the schedule may reach leaves a token.
     *
     * @param tokens T, at least 1
     * @throws IllegalArgumentException if one does not
     */
    public void requireTokensLeft(int tokens) {
        if (placement.usesSubset()) {
            double width = schedule == SubsetSchedule.UNIFORM_RANGE ? scheduleWidth : 0;
            rounding.kept(tokens, width == 0 ? ratio : Math.nextDown(ratio + width));
        }
    }

    /**
     * The last block of the route in a model of {@code depth} blocks.
     *
     * @throws IllegalArgumentException if the route does not fit into the model
     */
    public int resolvedRouteEnd(int depth) {
        int end = routeEnd < 0 ? depth + routeEnd : routeEnd;
        check(
                end >= routeStart && end < depth,
                "the route must lie in blocks 0 to " + (depth - 1) + " but was " + routeStart + " to " + end
                        + " (routeEnd " + routeEnd + ")");
        return end;
    }

    /** Returns this with another placement. */
    public SubsetConfig withPlacement(SubsetPlacement value) {
        return RecordCopy.with(this, Map.of("placement", value));
    }

    /** Returns this with another mask ratio. */
    public SubsetConfig withRatio(double value) {
        return RecordCopy.with(this, Map.of("ratio", value));
    }

    /** Returns this with another schedule and its three numbers. */
    public SubsetConfig withSchedule(SubsetSchedule value, double minRatio, int power, double width) {
        return RecordCopy.with(
                this,
                Map.of(
                        "schedule",
                        value,
                        "scheduleMinRatio",
                        minRatio,
                        "schedulePower",
                        power,
                        "scheduleWidth",
                        width));
    }

    /** Returns this with another number of unmasked steps at the end. */
    public SubsetConfig withUnmaskedTailSteps(int value) {
        return RecordCopy.with(this, Map.of("unmaskedTailSteps", value));
    }

    /** Returns this with other rules of drawing. */
    public SubsetConfig withDrawing(Scope newScope, Rounding newRounding, Order newOrder) {
        return RecordCopy.with(this, Map.of("scope", newScope, "rounding", newRounding, "order", newOrder));
    }

    /** Returns this with another route; see {@link #routeEnd} for negative numbers. */
    public SubsetConfig withRoute(int start, int end) {
        return RecordCopy.with(this, Map.of("routeStart", start, "routeEnd", end));
    }

    private static void check(boolean holds, String message) {
        if (!holds) {
            throw new IllegalArgumentException(message);
        }
    }
}
