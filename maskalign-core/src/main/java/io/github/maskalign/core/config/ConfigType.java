package io.github.maskalign.core.config;

import io.github.maskalign.core.config.ScalarType.DecimalText;
import io.github.maskalign.core.config.YamlNode.Place;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A type that a config value can have: it binds nodes to Java values and writes values as nodes. */
sealed interface ConfigType permits ConfigType.ListOf, ConfigType.OrNull, RecordType, ScalarType {
    /** The place of nodes that are written. */
    Place WRITTEN = Place.of("written");

    /**
     * Binds a node.
     *
     * @param path full key path of the node
     * @param problems receives every mistake; if it reports new failures, the result means nothing
     */
    @Nullable
    Object bind(YamlNode node, String path, Problems problems);

    /**
     * Returns the node that binds to a value.
     *
     * @param path full key path of the value
     * @throws IllegalArgumentException if no node does
     */
    YamlNode write(@Nullable Object value, String path);

    /** Returns what is allowed, to stand after "must be". */
    String describe();

    /** Returns the record whose keys a path can go on with. */
    default Optional<RecordType> section() {
        return Optional.empty();
    }

    /** A list, which the record receives as an immutable one. */
    record ListOf(ConfigType item) implements ConfigType {
        @Override
        public @Nullable Object bind(YamlNode node, String path, Problems problems) {
            if (node instanceof YamlNode.Broken) {
                problems.addFailure();
                return null;
            }
            if (!(node instanceof YamlNode.Sequence sequence)) {
                problems.addWrong(node, path, describe());
                return null;
            }
            int failuresBefore = problems.failures();
            List<Object> values = new ArrayList<>();
            for (int i = 0; i < sequence.items().size(); i++) {
                Object value = item.bind(sequence.items().get(i), path + "[" + i + "]", problems);
                if (value != null) {
                    values.add(value);
                }
            }
            return problems.failures() == failuresBefore ? List.copyOf(values) : null;
        }

        @Override
        public YamlNode write(@Nullable Object value, String path) {
            List<YamlNode> items = new ArrayList<>();
            for (Object element : (List<?>) given(value, path)) {
                items.add(item.write(element, path + "[" + items.size() + "]"));
            }
            return new YamlNode.Sequence(WRITTEN, items);
        }

        @Override
        public String describe() {
            return "a list whose items are each " + item.describe();
        }
    }

    /**
     * A value that can be {@code null}.
     *
     * @param wrapped whether the record has an {@code Optional}; otherwise it has a nullable component
     */
    record OrNull(ConfigType value, boolean wrapped) implements ConfigType {
        @Override
        public @Nullable Object bind(YamlNode node, String path, Problems problems) {
            boolean isNull = node instanceof YamlNode.Scalar scalar && scalar.kind() == YamlNode.Kind.NULL;
            if (isNull) {
                return wrapped ? Optional.empty() : null;
            }
            Object bound = value.bind(node, path, problems);
            return wrapped ? Optional.ofNullable(bound) : bound;
        }

        @Override
        public YamlNode write(@Nullable Object written, String path) {
            Object content = wrapped ? ((Optional<?>) given(written, path)).orElse(null) : written;
            return content == null ? YamlNode.Scalar.plain(WRITTEN, "null") : value.write(content, path);
        }

        @Override
        public String describe() {
            return value.describe() + ", or null";
        }

        @Override
        public Optional<RecordType> section() {
            return value.section();
        }
    }

    /** Refuses a null where the type has none. */
    static Object given(@Nullable Object value, String path) {
        if (value == null) {
            throw new IllegalArgumentException(path + " must not be null, because it is not optional in a config");
        }
        return value;
    }

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
}
