package io.github.maskalign.core.config;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.config.Problems.Suggestion;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SuggestionTest {
    private static final List<String> KEYS = List.of("steps", "maskRatio", "lr", "eps", "emaDecay", "p");

    @ParameterizedTest
    @CsvSource({
        "stpes, steps",
        "step, steps",
        "stepss, steps",
        "mask_ratio, maskRatio",
        "MASKRATIO, maskRatio",
        "mask-rate, maskRatio",
        "mask, maskRatio",
        "ema, emaDecay",
        "lrr, lr",
        "epss, eps",
    })
    void findsTheNearWord(String typed, String meant) {
        assertThat(Suggestion.nearest(typed, KEYS)).contains(meant);
    }

    @ParameterizedTest
    @CsvSource({"colour", "q", "wd", "ma", "''", "_", "depth"})
    void saysNothingWhereNothingIsNear(String typed) {
        assertThat(Suggestion.nearest(typed, KEYS)).isEmpty();
    }

    @Test
    void givesUpOnLongWords() {
        assertThat(Suggestion.nearest("steps".repeat(100), KEYS)).isEmpty();
        assertThat(Suggestion.nearest("steps", List.of())).isEmpty();
    }

    @Test
    void findsTheOneSectionWithAKey() {
        List<String> paths = List.of("train", "train.steps", "sample", "sample.steps", "sample.cfgScale");

        assertThat(Suggestion.elsewhere("cfg_scale", paths)).contains("sample.cfgScale");
        assertThat(Suggestion.elsewhere("steps", paths)).isEmpty();
        assertThat(Suggestion.elsewhere("lr", paths)).isEmpty();
    }
}
