package io.github.maskalign.core.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.NonNegative;
import io.github.maskalign.core.config.ConfigKey.OneOf;
import io.github.maskalign.core.config.ConfigKey.Positive;
import io.github.maskalign.core.config.ConfigKey.Range;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConfigLimitsTest {
    record Limited(
            @Default("1") @Positive int positive,
            @Default("0") @NonNegative long nonNegative,
            @Default("1") @Range(min = 1, max = 64) int closed,

            @Default("0.5") @Range(min = 0, minExclusive = true, max = 1, maxExclusive = true)
            double open,

            @Default("0") @Range(max = 0.9999) double below,

            @Default("0") @Range(max = 1, maxExclusive = true)
            double justBelow,

            @Default("0.1") @Range(min = 0.1, max = 0.7) float single,

            @Default("1.0e-4") @Positive @Range(max = 1.0e-3)
            double both,

            @Default("[]") @Positive List<Integer> list,
            @Default("null") @NonNegative Optional<Double> optional,

            @Default("9007199254740992") @Range(min = 9007199254740992.0)
            long exact,

            @Default("a") @OneOf({"a", "bee", "12"}) String word,
            @Default("[a]") @OneOf({"a", "bee"}) List<String> words) {}

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "positive: 0 | positive must be an integer above 0 but was 0",
                "nonNegative: -1 | nonNegative must be an integer of at least 0 but was -1",
                "closed: 0 | closed must be an integer in [1, 64] but was 0",
                "closed: 65 | closed must be an integer in [1, 64] but was 65",
                "closed: 3000000000 | closed must be an integer in [1, 64] but was 3000000000",
                "positive: 3000000000 | positive must be an integer in (0, 2147483647] but was 3000000000",
                "open: 0 | open must be a number in (0, 1) but was 0",
                "open: 1.0 | open must be a number in (0, 1) but was 1.0",
                "open: .inf | open must be a finite number in (0, 1) but was .inf",
                "below: 1 | below must be a number of at most 0.9999 but was 1",
                "justBelow: 0.99999999999999999999 "
                        + "| justBelow must be a number below 1 but was 0.99999999999999999999",
                "single: 0.70001 | single must be a number in [0.1, 0.7] but was 0.70001",
                "both: 0 | both must be a number in (0, 0.001] but was 0",
                "list: [1, 0] | list[1] must be an integer above 0 but was 0",
                "list: 5 | list must be a list whose items are each an integer above 0 but was 5 (an integer)",
                "optional: -0.5 | optional must be a number of at least 0 but was -0.5",
                "exact: 9007199254740991 "
                        + "| exact must be an integer of at least 9007199254740992 but was 9007199254740991",
                "word: be | word must be one of a, bee, \"12\" but was \"be\"; did you mean bee?",
                "word: c | word must be one of a, bee, \"12\" but was \"c\"",
                "word: 12 | word must be one of a, bee, \"12\" but was 12 (an integer); "
                        + "put a string like this in quotes",
                "words: [a, x] | words[1] must be one of a, bee but was \"x\"",
            })
    void refusesValuesOutsideTheLimits(String yaml, String message) {
        assertThatThrownBy(() -> ConfigBinder.bindText(yaml, "t", List.of(), Limited.class))
                .isInstanceOf(ConfigException.class)
                .hasMessageMatching("t:1:\\d+: .*")
                .hasMessageEndingWith(": " + message);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "positive: 1",
                "nonNegative: 0",
                "closed: 64",
                "open: 4.9e-324",
                "below: 0.9999",
                "below: -1e300",
                "single: 0.1",
                "single: 0.7",
                "both: 0.001",
                "list: [1]",
                "optional: 0",
                "exact: 9007199254740993",
                "word: bee",
                "word: '12'"
            })
    void acceptsTheEndsThatBelongToThem(String yaml) {
        assertThat(ConfigBinder.bindText(yaml, "t", List.of(), Limited.class).value())
                .isNotNull();
    }
}
