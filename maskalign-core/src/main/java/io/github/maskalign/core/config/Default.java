package io.github.maskalign.core.config;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Lets a key be left out of the config. Without it every key is required, so that a config says everything that
 * decides a run.
 */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
public @interface Default {
    /**
     * The value of a missing key, written as in the config: {@code "1.0e-4"}, {@code "[]"}, {@code "null"} for an
     * optional value, {@code "''"} for an empty string, {@code "{layers: 2, width: 0}"} for a section.
     */
    String value();
}
