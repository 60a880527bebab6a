package io.github.maskalign.examples.emoji;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.examples.emoji.EmojiSet.Attribution;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AttributionTest {
    @Test
    void namesArtistAndLicenceOfTheSetsInUse(@TempDir Path cache) throws Exception {
        EmojiSet set = EmojiSet.open(
                new EmojiConfig(List.of("twemoji", "fxemoji"), 8, false, false),
                cache,
                EmojiProgress.silent(),
                1,
                () -> PublishedSets.ALL);

        assertThat(set.attribution())
                .contains(
                        "Twitter Emoji (twemoji)\n"
                                + "  by: Twitter, https://github.com/twitter/twemoji\n"
                                + "  licence: CC BY 4.0, https://creativecommons.org/licenses/by/4.0/\n",
                        "Mozilla, https://github.com/mozilla/fxemoji")
                .contains("turned into pixels")
                .doesNotContain("Google");
    }

    @Test
    void missingAddressesLeaveNoComma() {
        assertThat(Attribution.text(List.of(new SetInfo("a", "A", "Ann", "", "MIT", "MIT", ""))))
                .endsWith("A (a)\n  by: Ann\n  licence: MIT\n");
    }
}
