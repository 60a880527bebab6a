package io.github.maskalign.core.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Rules that join keys: the option that has set one of them is to blame, under the key's name. */
class OptionBlameTest {
    record Sizes(int patchSize, int inputSize) {
        Sizes {
            if (inputSize % patchSize != 0) {
                throw new IllegalArgumentException(
                        "inputSize must be a multiple of patchSize " + patchSize + " but was " + inputSize);
            }
        }
    }

    record Both(Sizes sizes, boolean wide) {
        Both {
            if (wide && sizes.patchSize == 1) {
                throw new IllegalArgumentException("sizes.patchSize must be above 1 but was " + sizes.patchSize);
            }
        }
    }

    private static final String YAML = "sizes: {patchSize: 4, inputSize: 16}\nwide: true\n";

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "sizes.inputSize=15|--set sizes.inputSize=15: sizes.inputSize must be a multiple of patchSize 4 but was 15",
                "sizes.patchSize=5|--set sizes.patchSize=5: sizes.inputSize must be a multiple of patchSize 5 but was 16",
                "sizes.patchSize=1|--set sizes.patchSize=1: sizes.patchSize must be above 1 but was 1",
            })
    void ruleOfARecordBlamesTheOption(String option, String message) {
        assertThatThrownBy(() -> ConfigBinder.bindText(YAML, "test.yaml", List.of(option), Both.class))
                .isInstanceOf(ConfigException.class)
                .hasMessage(message);
    }

    @Test
    void ruleThatNoOptionTouchesBlamesTheFile() {
        assertThatThrownBy(() ->
                        ConfigBinder.bindText(YAML.replace("16", "15"), "test.yaml", List.of("wide=false"), Both.class))
                .hasMessage("test.yaml:1:34: sizes.inputSize must be a multiple of patchSize 4 but was 15");
    }

    @Test
    void laterRuleBlamesTheLastOptionOfAKeyThatItNames() {
        ConfigBinder.Bound<Both> bound = ConfigBinder.bindText(
                YAML, "test.yaml", List.of("sizes.inputSize=8", "wide=false", "sizes.inputSize=12"), Both.class);

        assertThat(bound.sourceOf("sizes.inputSize must be a square but was 12"))
                .isEqualTo("--set sizes.inputSize=12");
        assertThat(bound.sourceOf("sizes.patchSize must divide inputSize 12 but was 4"))
                .isEqualTo("--set sizes.inputSize=12");
        assertThat(bound.sourceOf("sizes.patchSize must be odd but was 4")).isEqualTo("test.yaml");
        assertThat(bound.sourceOf("a wide one must be large")).isEqualTo("test.yaml"); // a word is no key
    }
}
