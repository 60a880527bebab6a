package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AxisTest {
    private static final double ROUNDING = 1e-12;

    @Test
    void ticksAreRoundAndInside() {
        Axis axis = Axis.around(new double[] {0, 700}, false);

        assertThat(axis.ticks()).containsExactly(0.0, 200.0, 400.0, 600.0);
        assertThat(axis.place(350)).isCloseTo(0.5, within(ROUNDING));
    }

    @Test
    void logarithmicTicksArePowersOfTen() {
        Axis axis = Axis.around(new double[] {0.01, 100, -1, 0, Double.NaN}, true);

        assertThat(axis.ticks()).containsExactly(0.01, 0.1, 1.0, 10.0, 100.0);
        assertThat(axis.place(1)).isCloseTo(0.5, within(ROUNDING));
    }

    @Test
    void oneValueAndNoneHaveAnAxisToo() {
        assertThat(Axis.around(new double[] {5, 5}, false).place(5)).isCloseTo(0.5, within(ROUNDING));
        assertThat(Axis.around(new double[] {Double.NaN}, false).ticks()).isNotEmpty();
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "0.25, 0.25", "-0.5, −0.5", "20000, 20k", "1500000, 1.5M", "0.00001, 1e−05", "600, 600"})
    void textsAreShort(double tick, String text) {
        assertThat(Axis.text(tick)).isEqualTo(text);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {"0;0", "-0.17954;−0.1795", "1171.4;1,171", "105.93;105.9", "0.00012;1.20e−04", "NaN;–"})
    void numbersHaveFourDigits(double value, String text) {
        assertThat(Markup.number(value)).isEqualTo(text);
    }

    @ParameterizedTest
    @CsvSource({"12.4, 12 s", "424, 7 min 4 s", "7260, 2 h 1 min", "180000, 2 d 2 h"})
    void durationsHaveTwoUnits(double seconds, String text) {
        assertThat(Markup.duration(seconds)).isEqualTo(text);
    }
}
