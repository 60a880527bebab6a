package io.github.maskalign.core.config;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;

/**
 * Floating-point numbers with the fewest digits that read back to the same number, always with a point:
 * {@code 0.25}, {@code 4.0}, {@code 1.0e-4}. Unlike {@link Double#toString} it does not depend on the Java version.
 */
final class DecimalText {
    private static final int DOUBLE_DIGITS = 17;
    private static final int FLOAT_DIGITS = 9;

    private DecimalText() {}

    static String of(double value) {
        if (value == 0) {
            return zero(value);
        }
        BigDecimal exact = new BigDecimal(value);
        for (int digits = 1; digits < DOUBLE_DIGITS; digits++) {
            BigDecimal rounded = exact.round(new MathContext(digits, RoundingMode.HALF_EVEN));
            if (Double.parseDouble(rounded.toString()) == value) {
                return format(rounded);
            }
        }
        return format(exact.round(new MathContext(DOUBLE_DIGITS, RoundingMode.HALF_EVEN)));
    }

    static String of(float value) {
        if (value == 0) {
            return zero(value);
        }
        BigDecimal exact = new BigDecimal(value);
        for (int digits = 1; digits < FLOAT_DIGITS; digits++) {
            BigDecimal rounded = exact.round(new MathContext(digits, RoundingMode.HALF_EVEN));
            if (Float.parseFloat(rounded.toString()) == value) {
                return format(rounded);
            }
        }
        return format(exact.round(new MathContext(FLOAT_DIGITS, RoundingMode.HALF_EVEN)));
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
