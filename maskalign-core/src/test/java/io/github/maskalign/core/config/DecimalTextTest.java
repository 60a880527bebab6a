package io.github.maskalign.core.config;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.config.ScalarType.DecimalText;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DecimalTextTest {
    @ParameterizedTest
    @CsvSource({
        "0, 0.0",
        "-0.0, -0.0",
        "1, 1.0",
        "-4, -4.0",
        "0.1, 0.1",
        "0.9999, 0.9999",
        "0.001, 0.001",
        "-0.0001, -1.0e-4",
        "1234567, 1234567.0",
        "12345678, 1.2345678e7",
        "1e23, 1.0e23",
        "2e-3, 0.002",
        "4.9e-324, 5.0e-324",
        "1.7976931348623157e308, 1.7976931348623157e308",
        "5.684341886080802e-14, 5.684341886080802e-14",
        "0.30000000000000004, 0.30000000000000004",
    })
    void writesTheFewestDigits(double value, String text) {
        assertThat(DecimalText.of(value)).isEqualTo(text);
    }

    @ParameterizedTest
    @CsvSource({"0.1, 0.1", "-0.0, -0.0", "16777216, 1.6777216e7", "1e-45, 1.0e-45", "3.4028235e38, 3.4028235e38"})
    void writesTheFewestDigitsOfAFloat(float value, String text) {
        assertThat(DecimalText.of(value)).isEqualTo(text);
    }

    @Test
    void readsBackToTheSameBits() {
        Random random = new Random(5);
        for (int i = 0; i < 5_000; i++) {
            double real = Double.longBitsToDouble(random.nextLong());
            if (Double.isFinite(real)) {
                assertThat(Double.parseDouble(DecimalText.of(real))).isEqualTo(real);
            }
            float single = Float.intBitsToFloat(random.nextInt());
            if (Float.isFinite(single)) {
                assertThat(Float.parseFloat(DecimalText.of(single))).isEqualTo(single);
            }
        }
    }
}
