package io.github.maskalign.examples;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * A closed interval of the time axis, written {@code LOW,HIGH}.
 *
 * @param low start in [0, 1]
 * @param high end in [low, 1]
 */
record Interval(double low, double high) {
    /** All times. */
    static final Interval FULL = new Interval(0, 1);

    Interval {
        if (!(low >= 0 && low <= high && high <= 1)) {
            throw new IllegalArgumentException(
                    "an interval must lie within 0,1 and must not be reversed but was " + low + "," + high);
        }
    }

    @Override
    public String toString() {
        return low + "," + high;
    }

    /** Reads {@code LOW,HIGH}. */
    static final class Converter implements ITypeConverter<Interval> {
        @Override
        public Interval convert(String text) {
            String[] ends = text.split(",", -1);
            if (ends.length == 2) {
                try {
                    return new Interval(Double.parseDouble(ends[0].strip()), Double.parseDouble(ends[1].strip()));
                } catch (NumberFormatException e) {
                    // said below
                } catch (IllegalArgumentException e) {
                    throw new TypeConversionException(e.getMessage());
                }
            }
            throw new TypeConversionException("'" + text + "' is not an interval LOW,HIGH such as 0,0.7");
        }
    }
}
