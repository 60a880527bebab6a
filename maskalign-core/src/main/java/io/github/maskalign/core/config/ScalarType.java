package io.github.maskalign.core.config;

import io.github.maskalign.core.config.ConfigKey.AlsoRead;
import io.github.maskalign.core.config.ConfigKey.Identified;
import io.github.maskalign.core.config.ConfigType.Interval;
import io.github.maskalign.core.config.Problems.Suggestion;
import io.github.maskalign.core.config.YamlLoader.YamlText;
import io.github.maskalign.core.config.YamlNode.Found;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A value without parts. */
sealed interface ScalarType extends ConfigType {
    /** Binds a scalar. Returns empty if its kind is wrong, or after reporting that its value is. */
    Optional<Object> parse(YamlNode.Scalar scalar, String path, Problems problems);

    /** Returns advice on a scalar of the wrong kind, or nothing. */
    default String advice(YamlNode.Scalar scalar) {
        return "";
    }

    @Override
    default @Nullable Object bind(YamlNode node, String path, Problems problems) {
        if (node instanceof YamlNode.Broken) {
            problems.addFailure();
            return null;
        }
        String advice = "";
        if (node instanceof YamlNode.Scalar scalar) {
            int failuresBefore = problems.failures();
            Optional<Object> value = parse(scalar, path, problems);
            if (value.isPresent() || problems.failures() > failuresBefore) {
                return value.orElse(null);
            }
            advice = advice(scalar);
        }
        problems.add(node.place(), path, "must be " + describe() + " but was " + Found.describe(node) + advice);
        return null;
    }

    /** Returns advice on a string that stands where a number should. */
    private static String numberAdvice(YamlNode.Scalar scalar) {
        if (scalar.kind() != YamlNode.Kind.STRING || scalar.text().isEmpty()) {
            return "";
        }
        YamlNode.Kind unquoted =
                YamlNode.Scalar.plain(scalar.place(), scalar.text()).kind();
        if (unquoted == YamlNode.Kind.INTEGER || unquoted == YamlNode.Kind.FLOAT) {
            return "; write it without quotes";
        }
        return "+-.0123456789".indexOf(scalar.text().charAt(0)) < 0 ? "" : "; write numbers like 12, 0.9 or 1.0e-4";
    }

    /** Returns advice on another scalar that stands where a string should. */
    private static String stringAdvice(YamlNode.Scalar scalar) {
        return scalar.text().isEmpty() ? "; write an empty string as ''" : "; put a string like this in quotes";
    }

    /** Looks a string up in a set of allowed ones, and reports it with the nearest of them if it is not there. */
    private static boolean isAllowed(
            YamlNode.Scalar scalar, String path, Problems problems, Collection<String> allowed, String words) {
        if (allowed.contains(scalar.text())) {
            return true;
        }
        String meant = Suggestion.nearest(scalar.text(), allowed)
                .map(word -> "; did you mean " + YamlText.of(word) + "?")
                .orElse("");
        problems.add(scalar.place(), path, "must be " + words + " but was " + Found.quoted(scalar.text()) + meant);
        return false;
    }

    /** An int or a long. */
    record Whole(boolean isLong, Interval range) implements ScalarType {
        /** More digits than any long has. */
        private static final int MOST_DIGITS = 20;

        @Override
        public Optional<Object> parse(YamlNode.Scalar scalar, String path, Problems problems) {
            if (scalar.kind() != YamlNode.Kind.INTEGER) {
                return Optional.empty();
            }
            Interval type = isLong ? Interval.LONG : Interval.INT;
            boolean fits = scalar.text().length() <= MOST_DIGITS
                    && type.contains(new BigDecimal(new BigInteger(scalar.text())));
            if (!fits) {
                String allowed = "an integer" + range.and(type).words();
                problems.add(scalar.place(), path, "must be " + allowed + " but was " + Found.shorten(scalar.text()));
                return Optional.empty();
            }
            long value = Long.parseLong(scalar.text());
            if (!range.contains(BigDecimal.valueOf(value))) {
                problems.add(scalar.place(), path, "must be " + describe() + " but was " + value);
                return Optional.empty();
            }
            return Optional.of(isLong ? (Object) value : (Object) (int) value);
        }

        @Override
        public String advice(YamlNode.Scalar scalar) {
            return numberAdvice(scalar);
        }

        @Override
        public YamlNode write(@Nullable Object value, String path) {
            return YamlNode.Scalar.plain(WRITTEN, ConfigType.given(value, path).toString());
        }

        @Override
        public String describe() {
            return "an integer" + range.words();
        }
    }

    /** A double or a float. */
    record Real(boolean isDouble, Interval range) implements ScalarType {
        @Override
        public Optional<Object> parse(YamlNode.Scalar scalar, String path, Problems problems) {
            switch (scalar.kind()) {
                case INTEGER, FLOAT, NOT_FINITE -> {}
                default -> {
                    return Optional.empty();
                }
            }
            String text = scalar.text();
            double value = Double.NaN;
            if (scalar.kind() != YamlNode.Kind.NOT_FINITE) {
                value = isDouble ? Double.parseDouble(text) : Float.parseFloat(text);
            }
            String but = " but was " + Found.shorten(text);
            if (!Double.isFinite(value)) {
                problems.add(scalar.place(), path, "must be a finite number" + range.words() + but);
                return Optional.empty();
            }
            if (value == 0 && !isZero(text)) {
                String type = isDouble ? "a double" : "a float";
                problems.add(scalar.place(), path, "must be 0 or far enough from it for " + type + but);
                return Optional.empty();
            }
            Interval limits = isDouble ? range : range.rounded();
            if (!limits.contains(new BigDecimal(value))) {
                problems.add(scalar.place(), path, "must be " + describe() + but);
                return Optional.empty();
            }
            return Optional.of(isDouble ? (Object) value : (Object) (float) value);
        }

        private static boolean isZero(String text) {
            return text.chars().takeWhile(c -> c != 'e' && c != 'E').noneMatch(c -> c >= '1' && c <= '9');
        }

        @Override
        public String advice(YamlNode.Scalar scalar) {
            return numberAdvice(scalar);
        }

        @Override
        public YamlNode write(@Nullable Object value, String path) {
            Number number = (Number) ConfigType.given(value, path);
            if (!Double.isFinite(number.doubleValue())) {
                throw new IllegalArgumentException(path + " must be finite in a config but was " + number);
            }
            String text = isDouble ? DecimalText.of(number.doubleValue()) : DecimalText.of(number.floatValue());
            return YamlNode.Scalar.plain(WRITTEN, text);
        }

        @Override
        public String describe() {
            return "a number" + range.words();
        }
    }

    /** A boolean. */
    record Bool() implements ScalarType {
        @Override
        public Optional<Object> parse(YamlNode.Scalar scalar, String path, Problems problems) {
            return scalar.kind() == YamlNode.Kind.BOOLEAN
                    ? Optional.of(scalar.text().equals("true"))
                    : Optional.empty();
        }

        @Override
        public YamlNode write(@Nullable Object value, String path) {
            return YamlNode.Scalar.plain(WRITTEN, ConfigType.given(value, path).toString());
        }

        @Override
        public String describe() {
            return "true or false";
        }
    }

    /**
     * A string.
     *
     * @param allowed the allowed strings; empty for all
     */
    record Text(List<String> allowed) implements ScalarType {
        @Override
        public Optional<Object> parse(YamlNode.Scalar scalar, String path, Problems problems) {
            if (scalar.kind() != YamlNode.Kind.STRING) {
                return Optional.empty();
            }
            boolean fits = allowed.isEmpty() || isAllowed(scalar, path, problems, allowed, describe());
            return fits ? Optional.of(scalar.text()) : Optional.empty();
        }

        @Override
        public String advice(YamlNode.Scalar scalar) {
            return stringAdvice(scalar);
        }

        @Override
        public YamlNode write(@Nullable Object value, String path) {
            String text = (String) ConfigType.given(value, path);
            if (!YamlText.isWellFormed(text)) {
                throw new IllegalArgumentException(
                        path + " must not hold half of a surrogate pair but was " + Found.quoted(text));
            }
            return YamlNode.Scalar.string(WRITTEN, text);
        }

        @Override
        public String describe() {
            return allowed.isEmpty()
                    ? "a string"
                    : "one of " + allowed.stream().map(YamlText::of).collect(Collectors.joining(", "));
        }
    }

    /** A path, as written: not made absolute, not looked up. */
    record FilePath() implements ScalarType {
        @Override
        public Optional<Object> parse(YamlNode.Scalar scalar, String path, Problems problems) {
            if (scalar.kind() != YamlNode.Kind.STRING) {
                return Optional.empty();
            }
            try {
                return Optional.of(Path.of(scalar.text()));
            } catch (InvalidPathException e) {
                problems.add(scalar.place(), path, "must be a path but was " + Found.quoted(scalar.text()));
                return Optional.empty();
            }
        }

        @Override
        public String advice(YamlNode.Scalar scalar) {
            return stringAdvice(scalar);
        }

        @Override
        public YamlNode write(@Nullable Object value, String path) {
            return new Text(List.of()).write(ConfigType.given(value, path).toString(), path);
        }

        @Override
        public String describe() {
            return "a path";
        }
    }

    /**
     * A constant of an enum.
     *
     * @param constants the constants by their spelling, in the order of the enum
     */
    record Choice(Map<String, Enum<?>> constants) implements ScalarType {
        @Override
        public Optional<Object> parse(YamlNode.Scalar scalar, String path, Problems problems) {
            if (scalar.kind() != YamlNode.Kind.STRING) {
                return Optional.empty();
            }
            Optional<? extends Enum<?>> meant = find(type(), scalar.text());
            if (meant.isPresent()) {
                return Optional.of(meant.get());
            }
            isAllowed(scalar, path, problems, constants.keySet(), describe());
            return Optional.empty();
        }

        private Class<?> type() {
            return constants.values().iterator().next().getDeclaringClass();
        }

        /** Finds the constant that a word means: by its spelling or else by another word for it, in any case. */
        static Optional<? extends Enum<?>> find(Class<?> type, String word) {
            List<Enum<?>> all = Stream.of(Objects.requireNonNull(type.getEnumConstants(), "an enum"))
                    .<Enum<?>>map(constant -> (Enum<?>) constant)
                    .toList();
            return all.stream()
                    .filter(constant -> spelling(constant).equalsIgnoreCase(word))
                    .findFirst()
                    .or(() -> all.stream()
                            .filter(constant -> otherWords(constant).anyMatch(word::equalsIgnoreCase))
                            .findFirst());
        }

        private static Stream<String> otherWords(Enum<?> constant) {
            try {
                AlsoRead words =
                        constant.getDeclaringClass().getField(constant.name()).getAnnotation(AlsoRead.class);
                return words == null ? Stream.empty() : Stream.of(words.value());
            } catch (NoSuchFieldException e) {
                throw new IllegalStateException(constant + " is no field of its enum", e);
            }
        }

        @Override
        public YamlNode write(@Nullable Object value, String path) {
            return YamlNode.Scalar.string(WRITTEN, spelling((Enum<?>) ConfigType.given(value, path)));
        }

        static String spelling(Enum<?> constant) {
            return constant instanceof Identified identified ? identified.id() : constant.name();
        }

        @Override
        public String describe() {
            return "one of " + String.join(", ", constants.keySet());
        }
    }

    /**
     * Floating-point numbers with the fewest digits that read back to the same number, always with a point:
     * {@code 0.25}, {@code 4.0}, {@code 1.0e-4}. Unlike {@link Double#toString} it does not depend on the Java version.
     */
    final class DecimalText {
        /** These always read back to the same double. */
        private static final int MOST_DIGITS = 17;

        private static final List<RoundingMode> MODES =
                List.of(RoundingMode.HALF_EVEN, RoundingMode.CEILING, RoundingMode.FLOOR);

        private DecimalText() {}

        static String of(double value) {
            return value == 0 ? zero(value) : shortest(value, text -> Double.parseDouble(text) == value);
        }

        static String of(float value) {
            return value == 0 ? zero(value) : shortest(value, text -> Float.parseFloat(text) == value);
        }

        /** Tries one digit, two digits and so on: the nearest decimal first, then its neighbours on either side. */
        private static String shortest(double value, Predicate<String> readsBack) {
            BigDecimal exact = new BigDecimal(value);
            for (int digits = 1; digits < MOST_DIGITS; digits++) {
                for (RoundingMode mode : MODES) {
                    BigDecimal rounded = exact.round(new MathContext(digits, mode));
                    if (readsBack.test(rounded.toString())) {
                        return format(rounded);
                    }
                }
            }
            return format(exact.round(new MathContext(MOST_DIGITS, RoundingMode.HALF_EVEN)));
        }

        private static String zero(double value) {
            return 1 / value < 0 ? "-0.0" : "0.0";
        }

        private static String format(BigDecimal value) {
            BigDecimal stripped = value.stripTrailingZeros();
            int exponent = stripped.precision() - stripped.scale() - 1;
            if (exponent >= -3 && exponent < 7) {
                String plain = stripped.toPlainString();
                return plain.indexOf('.') < 0 ? plain + ".0" : plain;
            }
            String digits = stripped.unscaledValue().abs().toString();
            String fraction = digits.length() == 1 ? "0" : digits.substring(1);
            return (value.signum() < 0 ? "-" : "") + digits.charAt(0) + "." + fraction + "e" + exponent;
        }
    }
}
