package io.github.maskalign.examples.emoji;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class EmojiConfigTest {
    private static void assertRefused(List<String> sets, int size, int background, String message) {
        assertThatThrownBy(() -> new EmojiConfig(sets, size, false, false, background))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(message);
    }

    @Test
    void shareAlikeSetIsKnownButNotADefault() {
        assertThat(EmojiConfig.ofSize(32).sets()).hasSize(6).doesNotContain("openmoji");
        assertThat(new EmojiConfig(List.of("openmoji"), 32, false, false).background())
                .isEqualTo(0xFFFFFF);
    }

    @Test
    void badValuesAreNamed() {
        assertRefused(List.of(), 32, 0, "sets must name at least one of");
        assertRefused(List.of("noto", "apple"), 32, 0, "but held \"apple\"");
        assertRefused(List.of("noto", "noto"), 32, 0, "each set once but was [noto, noto]");
        assertRefused(List.of("noto"), 7, 0, "size must be in [8, 512] but was 7");
        assertRefused(List.of("noto"), 513, 0, "but was 513");
        assertRefused(List.of("noto"), 32, 0x1000000, "background must be in [0, 0xFFFFFF] but was 0x1000000");
        assertRefused(List.of("noto"), 32, -1, "but was 0xFFFFFFFF");
    }
}
