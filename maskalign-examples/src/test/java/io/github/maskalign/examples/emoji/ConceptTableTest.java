package io.github.maskalign.examples.emoji;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConceptTableTest {
    private static final ConceptTable TABLE = new ConceptTable(PublishedSets.byDefault());

    private static String concept(String set, String name) {
        IconCollection collection = PublishedSets.get(set);
        assertThat(collection.icons()).containsKey(name);
        return TABLE.concept(collection, name);
    }

    /** Each line is one emoji as different artists call it. */
    @ParameterizedTest
    @CsvSource({
        "grinning-face, noto-v1, grinning-face",
        "grinning-face, fluent-emoji-flat, grinning-face",
        "grinning-face, emojione, grinning-face",
        "grinning-face, fxemoji, grin",
        "cat-face, fxemoji, cat",
        "cat, fxemoji, catside",
        "smiling-face-with-sunglasses, fxemoji, sunglasses",
        "red-heart, fxemoji, redheart",
        "crying-cat, fxemoji, foxcrying",
        "t-shirt, fxemoji, mansshirt",
        "flag-france, twemoji, flag-france",
        "flag-france, emojione, flag-for-france",
        "flag-france, fxemoji, franceflag"
    })
    void artistsAgreeOnWhatADrawingShows(String concept, String set, String name) {
        assertThat(concept(set, name)).isEqualTo(concept);
    }

    @Test
    void namesThatMeanSomethingElseInOneSetAreKeptApart() {
        assertThat(concept("fxemoji", "window")).isEqualTo("fxemoji-window"); // of a screen
        assertThat(concept("fxemoji", "keyboard")).isEqualTo("fxemoji-keyboard"); // of a synthesiser
        assertThat(concept("fxemoji", "wiredkeyboard")).isEqualTo(concept("noto", "keyboard"));
    }

    @Test
    void everySynonymLeadsFromADrawingToAnEmoji() {
        assertThat(TABLE.unknownSynonyms(PublishedSets.get("fxemoji"))).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "noto, waving-hand-medium-skin-tone, true",
        "noto, waving-hand, false",
        "noto-v1, waving-hand-medium-skin-tone, true",
        "emojione, waving-hand-dark-skin-tone, true",
        "emojione, medium-skin-tone, true",
        "fluent-emoji-flat, woman-astronaut-medium-dark, true",
        "fxemoji, waving, false"
    })
    void skinTonesAreRecognised(String set, String name, boolean expected) {
        IconCollection collection = PublishedSets.get(set);

        assertThat(collection.icons()).containsKey(name);
        assertThat(TABLE.hasSkinTone(collection, name)).isEqualTo(expected);
    }

    @Test
    void categoryIsThatOfTheConceptWhateverTheArtistSays() {
        IconCollection fx = PublishedSets.get("fxemoji");

        assertThat(fx.categories().get("grin")).isEqualTo(EmojiCategory.PEOPLE);
        assertThat(TABLE.category(TABLE.concept(fx, "grin"))).isEqualTo(EmojiCategory.SMILEYS);
        assertThat(TABLE.category("no-such-concept")).isNull();
    }

    @ParameterizedTest
    @ValueSource(strings = {"noto", "noto-v1", "fluent-emoji-flat", "twemoji", "fxemoji", "emojione"})
    void conceptsDoNotDependOnAFurtherSet(String set) {
        ConceptTable withOneMore = new ConceptTable(PublishedSets.ALL);
        IconCollection collection = Objects.requireNonNull(PublishedSets.ALL.get(set));

        Map<String, String> changed = new TreeMap<>();
        for (String name : collection.icons().keySet()) {
            String before = TABLE.concept(collection, name) + " in " + TABLE.category(TABLE.concept(collection, name));
            String concept = withOneMore.concept(collection, name);
            String after = concept + " in " + withOneMore.category(concept);
            if (!after.equals(before)) {
                changed.put(name, before + " becomes " + after);
            }
        }
        assertThat(changed).isEmpty();
    }
}
