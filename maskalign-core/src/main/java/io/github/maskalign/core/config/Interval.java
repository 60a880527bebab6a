package io.github.maskalign.core.config;

import io.github.maskalign.core.config.ScalarType.DecimalText;
import java.math.BigDecimal;

/** An interval of numbers; an infinite end is no limit. */
record Interval(double min, boolean minExclusive, double max, boolean maxExclusive) {
    static final Interval ALL = closed(Double.NEGATIVE_INFINITY, Double.POSITIVE_INFINITY);
    static final Interval INT = closed(Integer.MIN_VALUE, Integer.MAX_VALUE);
    /** 2^63 is a double, the largest long is not. */
    static final Interval LONG = new Interval(Long.MIN_VALUE, false, 0x1p63, true);

    static Interval closed(double min, double max) {
        return new Interval(min, false, max, false);
    }

    /** Returns the common part. */
    Interval and(Interval other) {
        boolean ownMin = min > other.min || min == other.min && minExclusive;
        boolean ownMax = max < other.max || max == other.max && maxExclusive;
        return new Interval(
                ownMin ? min : other.min,
                ownMin ? minExclusive : other.minExclusive,
                ownMax ? max : other.max,
                ownMax ? maxExclusive : other.maxExclusive);
    }

    /** Returns the interval with its ends rounded to float, for values that were rounded so too. */
    Interval rounded() {
        return new Interval((float) min, minExclusive, (float) max, maxExclusive);
    }

    boolean contains(BigDecimal value) {
        return aboveMin(value) && belowMax(value);
    }

    boolean isEmpty() {
        return !(min < max || min == max && !minExclusive && !maxExclusive);
    }

    private boolean aboveMin(BigDecimal value) {
        if (min == Double.NEGATIVE_INFINITY) {
            return true;
        }
        int order = value.compareTo(new BigDecimal(min));
        return minExclusive ? order > 0 : order >= 0;
    }

    private boolean belowMax(BigDecimal value) {
        if (max == Double.POSITIVE_INFINITY) {
            return true;
        }
        int order = value.compareTo(new BigDecimal(max));
        return maxExclusive ? order < 0 : order <= 0;
    }

    /** Returns words to put after "a number", such as " in [0, 1)", " above 0" or nothing. */
    String words() {
        boolean low = min != Double.NEGATIVE_INFINITY;
        boolean high = max != Double.POSITIVE_INFINITY;
        if (low && high) {
            return " in " + (minExclusive ? "(" : "[") + text(min) + ", " + text(max) + (maxExclusive ? ")" : "]");
        }
        if (low) {
            return (minExclusive ? " above " : " of at least ") + text(min);
        }
        if (high) {
            return (maxExclusive ? " below " : " of at most ") + text(max);
        }
        return "";
    }

    private static String text(double bound) {
        boolean whole = bound == Math.rint(bound) && Math.abs(bound) <= 0x1p63;
        return whole ? new BigDecimal(bound).toBigInteger().toString() : DecimalText.of(bound);
    }
}
