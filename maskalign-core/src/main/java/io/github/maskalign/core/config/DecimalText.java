package io.github.maskalign.core.config;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.List;
import java.util.function.Predicate;

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
