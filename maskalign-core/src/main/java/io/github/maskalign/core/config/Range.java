package io.github.maskalign.core.config;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Limits of a number, or of each number in a list: {@code @Range(min = 0, max = 1, maxExclusive = true)} is [0, 1).
 * The value that the record receives is compared, so a decimal that rounds to an excluded end is refused too.
 */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
public @interface Range {
    /** Smallest allowed value; no limit if left out. */
    double min() default Double.NEGATIVE_INFINITY;

    /** Largest allowed value; no limit if left out. */
    double max() default Double.POSITIVE_INFINITY;

    /** Whether {@link #min} itself is refused. */
    boolean minExclusive() default false;

    /** Whether {@link #max} itself is refused. */
    boolean maxExclusive() default false;
}
