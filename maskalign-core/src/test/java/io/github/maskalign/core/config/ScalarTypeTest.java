package io.github.maskalign.core.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ScalarTypeTest {
    record Int(int value) {}

    record Big(long value) {}

    record Real(double value) {}

    record Single(float value) {}

    record Flag(boolean value) {}

    record Text(String value) {}

    @ParameterizedTest
    @ValueSource(strings = {"010", "1_000", "0x1F", "+1", "on", "~", ".9", "'1'", "\"1\"", "1e", "--1", "0o7", "1 2"})
    void refusesStringsThatOnlyLookLikeIntegers(String text) {
        assertRefused("value: " + text, Int.class).hasMessageContaining("value must be an integer but was \"");
    }

    @ParameterizedTest
    @ValueSource(strings = {"1.0e3", "1.0", "1e3", "-0.0", "1."})
    void refusesFloatsAsIntegers(String text) {
        assertRefused("value: " + text, Int.class)
                .hasMessage("test.yaml:1:8: value must be an integer but was " + text + " (a float)");
    }

    @ParameterizedTest
    @ValueSource(strings = {"2147483648", "-2147483649", "123456789012345678901234567890"})
    void refusesIntegersThatDoNotFit(String text) {
        assertRefused("value: " + text, Int.class)
                .hasMessage("test.yaml:1:8: value must be an integer in [-2147483648, 2147483647] but was " + text);
    }

    @Test
    void refusesLongsThatDoNotFit() {
        assertThat(bind("value: -9223372036854775808", Big.class).value()).isEqualTo(Long.MIN_VALUE);
        assertRefused("value: 9223372036854775808", Big.class)
                .hasMessage("test.yaml:1:8: value must be an integer in [-9223372036854775808, 9223372036854775808)"
                        + " but was 9223372036854775808");
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "-0, 0", "1.5, 1.5", "1., 1", "1e-4, 1e-4", "-1.0E+3, -1000", "0.0e-999, 0"})
    void readsNumbersOfTheJsonSchema(String text, double expected) {
        assertThat(bind("value: " + text, Real.class).value()).isEqualTo(expected);
        assertThat(bind("value: " + text, Single.class).value()).isEqualTo((float) expected);
    }

    @ParameterizedTest
    @ValueSource(strings = {".inf", "-.inf", ".nan", "1e999", "-1e999"})
    void refusesNumbersThatAreNotFinite(String text) {
        assertRefused("value: " + text, Real.class)
                .hasMessage("test.yaml:1:8: value must be a finite number but was " + text);
    }

    @Test
    void refusesNumbersThatVanish() {
        assertRefused("value: 1e-999", Real.class)
                .hasMessage("test.yaml:1:8: value must be 0 or far enough from it for a double but was 1e-999");
        assertRefused("value: 1e-99", Single.class)
                .hasMessage("test.yaml:1:8: value must be 0 or far enough from it for a float but was 1e-99");
        assertRefused("value: 1e99", Single.class)
                .hasMessage("test.yaml:1:8: value must be a finite number but was 1e99");
    }

    @ParameterizedTest
    @ValueSource(strings = {".9", "+1", "1_0", "NaN", "Infinity", "1d", "0x1p3", "1,5"})
    void refusesNumbersThatOnlyJavaOrOtherYamlKnows(String text) {
        assertRefused("value: " + text, Real.class).hasMessageContaining("value must be a number but was \"" + text);
    }

    @Test
    void advisesHowToWriteNumbers() {
        assertRefused("value: .9", Real.class)
                .hasMessage("test.yaml:1:8: value must be a number but was \".9\" (a string);"
                        + " write numbers like 12, 0.9 or 1.0e-4");
        assertRefused("value: '9'", Real.class)
                .hasMessage("test.yaml:1:8: value must be a number but was \"9\" (a string); write it without quotes");
        assertRefused("value: ten", Real.class)
                .hasMessage("test.yaml:1:8: value must be a number but was \"ten\" (a string)");
    }

    @ParameterizedTest
    @ValueSource(strings = {"True", "yes", "on", "1", "'true'", "null", "[]"})
    void refusesBooleansThatAreNot(String text) {
        assertRefused("value: " + text, Flag.class).hasMessageContaining("value must be true or false but was ");
    }

    @ParameterizedTest
    @ValueSource(strings = {"12", "1.5", "true", "null", ".inf", ".nan"})
    void refusesOtherScalarsAsStrings(String text) {
        assertRefused("value: " + text, Text.class).hasMessageContaining("; put a string like this in quotes");
    }

    @ParameterizedTest
    @CsvSource({
        "on, on",
        "~, ~",
        "010, 010",
        "'\"12\"', 12",
        "'\"\"', ''",
        "a b, a b",
        "a:b, a:b",
        "'|-\n  x\n  y', 'x\ny'"
    })
    void readsStrings(String yaml, String expected) {
        assertThat(bind("value: " + yaml, Text.class).value()).isEqualTo(expected);
    }

    @Test
    void tellsWhatWasFound() {
        String prefix = "test.yaml:1:8: value must be an integer but was ";
        assertRefused("value: null", Int.class).hasMessage(prefix + "null");
        assertRefused("value: true", Int.class).hasMessage(prefix + "true (a boolean)");
        assertRefused("value: [1, 2]", Int.class).hasMessage(prefix + "a list of 2");
        assertRefused("value: {a: 1}", Int.class).hasMessage(prefix + "a mapping");
        assertRefused("value: .inf", Int.class).hasMessage(prefix + ".inf");
        assertRefused("value:", Int.class).hasMessage("test.yaml:1:7: value must be an integer but was empty");
        assertRefused("value: ''", Int.class).hasMessage(prefix + "\"\" (a string)");
        assertRefused("value:", Text.class)
                .hasMessage("test.yaml:1:7: value must be a string but was empty; write an empty string as ''");
    }

    @Test
    void showsFoundTextOnOneShortLine() {
        assertRefused("value: \"a\\nb\\e" + "c".repeat(100) + "\"", Int.class)
                .hasMessage("test.yaml:1:8: value must be an integer but was \"a\\nb\\x1b" + "c".repeat(56)
                        + "...\" (a string)");
    }

    private static <R extends Record> R bind(String yaml, Class<R> type) {
        return ConfigBinder.bindText(yaml, "test.yaml", List.of(), type).value();
    }

    private static AbstractThrowableAssert<?, ? extends Throwable> assertRefused(
            String yaml, Class<? extends Record> type) {
        return assertThatThrownBy(() -> bind(yaml, type)).isInstanceOf(ConfigException.class);
    }
}
