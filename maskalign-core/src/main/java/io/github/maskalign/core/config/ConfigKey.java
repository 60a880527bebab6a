package io.github.maskalign.core.config;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * What a record says of its keys: annotations of record components, which {@link ConfigBinder} enforces and
 * {@link ConfigSchema} describes.
 */
public final class ConfigKey {
    private ConfigKey() {}

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

    /** A number above 0, or a list of such numbers. It may stand beside a {@link Range}; both then hold. */
    @Documented
    @Retention(RetentionPolicy.RUNTIME)
    @Target(ElementType.RECORD_COMPONENT)
    public @interface Positive {}

    /** A number of at least 0, or a list of such numbers. It may stand beside a {@link Range}; both then hold. */
    @Documented
    @Retention(RetentionPolicy.RUNTIME)
    @Target(ElementType.RECORD_COMPONENT)
    public @interface NonNegative {}

    /** The allowed values of a string, or of each string in a list; where a fixed set has a meaning, prefer an enum. */
    @Documented
    @Retention(RetentionPolicy.RUNTIME)
    @Target(ElementType.RECORD_COMPONENT)
    public @interface OneOf {
        /** The allowed strings, at least one. */
        String[] value();
    }

    /**
     * Other words by which configs and options may mean a constant of an enum, such as {@code ode} for {@code EULER}. Only
     * its own spelling is written.
     */
    @Documented
    @Retention(RetentionPolicy.RUNTIME)
    @Target(ElementType.FIELD)
    public @interface AlsoRead {
        /** The words, in any case. */
        String[] value();
    }

    /**
     * The component is a record whose keys stand among those of the record around it: what belongs together in Java need not
     * be a section of its own in the file.
     */
    @Target(ElementType.RECORD_COMPONENT)
    @Retention(RetentionPolicy.RUNTIME)
    public @interface Inline {}

    /**
     * The order of a record's keys in what is written, where it is not that of the components: a key that moves into an inlined
     * record can so stay where files and the schema have always had it. Names all keys, those of inlined records too.
     */
    @Target(ElementType.TYPE)
    @Retention(RetentionPolicy.RUNTIME)
    public @interface Order {
        /** The keys. */
        String[] value();
    }

    /**
     * An enum whose constants are spelt in configs by an id instead of their Java name, because the field's spelling is
     * no Java name: {@code SiT-XL/2} for {@code XL_2}. The id is then the spelling, and must be unique in the enum.
     */
    public interface Identified {
        /** Returns the spelling in configs. */
        String id();
    }

    /**
     * Named groups of settings that a config of this record may begin with, see {@link ConfigPresets}. Each is a file
     * {@code KEYs/NAME.yaml} among the resources beside the record's class.
     */
    @Documented
    @Retention(RetentionPolicy.RUNTIME)
    @Target(ElementType.TYPE)
    public @interface Presets {
        /** The key that names one; no component of the record has this name. */
        String key();

        /** The names, in the order of lists. */
        String[] names();

        /** Sections that belong to a preset as a whole: one that an option names takes the place of the file's. */
        String[] sections();

        /** A section whose record is {@link Sized}: presets may say more for each size. */
        String sized();

        /** The key of that size in messages, such as {@code model.depth}. */
        String size();

        /** A text key that gets {@code -NAME} at its end if an option names the preset. */
        String labelled();
    }

    /** A section with a size by which presets differ. */
    public interface Sized {
        /** Returns the size. */
        int size();
    }
}
