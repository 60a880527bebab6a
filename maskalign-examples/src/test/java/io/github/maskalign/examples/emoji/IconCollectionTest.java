package io.github.maskalign.examples.emoji;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonParser;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class IconCollectionTest {
    private static IconCollection parse(String json) {
        return IconCollection.parse("test", JsonParser.parseString(json).getAsJsonObject());
    }

    /** Counted apart from this code in the files of version 2.2.378: shown = all less hidden. */
    @ParameterizedTest
    @CsvSource({
        "noto, 3562, 304, Apache-2.0",
        "noto-v1, 2162, 157, Apache-2.0",
        "fluent-emoji-flat, 3139, 1, MIT",
        "twemoji, 3668, 559, CC-BY-4.0",
        "fxemoji, 1034, 0, Apache-2.0",
        "emojione, 1834, 325, CC-BY-4.0",
        "openmoji, 4182, 72, CC-BY-SA-4.0"
    })
    void publishedSetsAreReadWhole(String set, int shown, int aliases, String licence) {
        IconCollection collection = PublishedSets.get(set);

        assertThat(collection.icons()).hasSize(shown);
        assertThat(collection.aliases()).hasSize(aliases);
        assertThat(collection.info().spdx()).isEqualTo(licence);
        assertThat(collection.info().author()).isNotBlank();
        assertThat(collection.icons().values()).allSatisfy(icon -> {
            assertThat(icon.body()).startsWith("<");
            assertThat(icon.width()).isPositive();
            assertThat(icon.height()).isPositive();
        });
    }

    @Test
    void viewBoxIsTheIconsOwnThenTheFilesThenTheFormats() {
        IconCollection collection = parse("""
                {"height": 40, "left": -3,
                 "icons": {"own": {"body": "<g/>", "left": 1, "top": 2, "width": 30, "height": 50},
                           "bare": {"body": "<g/>"}}}
                """);

        assertThat(collection.icons().get("own")).isEqualTo(new Icon("own", "<g/>", 1, 2, 30, 50));
        assertThat(collection.icons().get("bare")).isEqualTo(new Icon("bare", "<g/>", -3, 0, 16, 40));
    }

    @Test
    void hiddenIconsAndTransformedAliasesAreLeftOut() {
        IconCollection collection = parse("""
                {"icons": {"a": {"body": "<g/>"}, "old": {"body": "<g/>", "hidden": true},
                           "back": {"body": "<g/>", "hidden": false}},
                 "aliases": {"b": {"parent": "a"}, "mirrored": {"parent": "a", "hFlip": true}}}
                """);

        assertThat(collection.icons()).containsOnlyKeys("a", "back");
        assertThat(collection.aliases()).containsOnlyKeys("b").containsEntry("b", "a");
        assertThat(collection.codePoints()).isEmpty();
        assertThat(collection.info()).isEqualTo(new SetInfo("test", "", "", "", "", "", ""));
    }

    @Test
    void sequencesLoseVariationSelectorsAndTheSmallestIsTaken() {
        IconCollection collection = parse("""
                {"icons": {}, "chars": {"2764-FE0F": "heart", "1f600": "grin", "263a": "grin"}}
                """);

        assertThat(collection.codePoints()).containsEntry("heart", "2764").containsEntry("grin", "1f600");
    }

    @Test
    void unknownCategoryAndMissingFileAreRefused() {
        assertThatThrownBy(() -> parse("{\"icons\": {}, \"categories\": {\"Weather\": [\"a\"]}}"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("was \"Weather\"");
        assertThatThrownBy(() -> IconCollection.read("no-such-set"))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("no-such-set.json")
                .hasMessageContaining("iconify__json:2.2.378");
    }
}
